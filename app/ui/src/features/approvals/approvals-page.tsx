/** Everything that waits for somebody: first what this person can answer. */
import { useSuspenseInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Inbox, ListChecks, MessageSquareMore, Play } from "lucide-react";

import { LoadMore } from "@/components/load-more";
import { Empty, Page } from "@/components/page";
import { Ago } from "@/components/time";
import { dateTime } from "@/lib/format";
import { itemsOf } from "@/lib/paging";
import type { Approval } from "@/lib/types";

import { approvalsQuery } from "./api";
import { t } from "./messages";

/** A step to start, a form to fill in, or something to decide. */
function KindIcon({ question }: { question: Approval }) {
  const look = { className: "size-4 shrink-0 text-waiting", "aria-hidden": true };
  if (question.kind === "start") return <Play {...look} />;
  return question.request["ask"] === "form" ? <MessageSquareMore {...look} /> : <ListChecks {...look} />;
}

function headingOf({ kind, request, node_id }: Approval): string {
  const question = request["question"];
  return kind === "start" || typeof question !== "string" ? t("approvals.start", { step: node_id }) : question;
}

function Row({ question }: { question: Approval }) {
  return (
    <li className="relative flex items-center gap-x-4 px-4 py-3 transition-colors hover:bg-sunken/60">
      <KindIcon question={question} />
      <span className="min-w-0 flex-1">
        <Link
          to="/instances/$instanceId"
          params={{ instanceId: question.instance_id }}
          hash={`question-${question.id}`}
          className="block truncate font-medium after:absolute after:inset-0"
        >
          {headingOf(question)}
        </Link>
        <span className="block truncate text-[13px] text-soft">
          {[
            t("approvals.from", { workflow: question.workflow_name, number: question.instance_number }),
            question.requester === null ? null : t("approvals.by", { name: question.requester }),
            question.until === null ? null : t("approvals.until", { time: dateTime(question.until) }),
            question.refusal,
          ]
            .filter((part) => part !== null)
            .join(" · ")}
        </span>
      </span>
      {question.asked_at === null ? null : (
        <Ago time={question.asked_at} className="text-right text-[13px] whitespace-nowrap text-soft" />
      )}
    </li>
  );
}

function Group({ heading, questions }: { heading: string; questions: readonly Approval[] }) {
  if (questions.length === 0) return null;
  return (
    <section aria-label={heading} className="mb-6">
      <h2 className="mb-2 text-[13px] font-semibold text-soft">{heading}</h2>
      <ul className="divide-y divide-border overflow-hidden rounded-xl border border-border bg-surface shadow-card">
        {questions.map((question) => (
          <Row key={question.id} question={question} />
        ))}
      </ul>
    </section>
  );
}

export function ApprovalsPage() {
  const list = useSuspenseInfiniteQuery(approvalsQuery);
  const questions = itemsOf(list.data);
  return (
    <Page title={t("approvals.heading")} subtitle={t("approvals.subtitle")}>
      {questions.length === 0 ? (
        <Empty icon={Inbox} heading={t("approvals.empty")} body={t("approvals.empty_body")} />
      ) : (
        <>
          <Group heading={t("approvals.mine")} questions={questions.filter((one) => one.may_answer)} />
          <Group heading={t("approvals.others")} questions={questions.filter((one) => !one.may_answer)} />
        </>
      )}
      <LoadMore list={list} />
    </Page>
  );
}

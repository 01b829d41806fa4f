/** What an instance waits for from outside: people's answers, a start by hand, another program's call. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Hand, PhoneIncoming, Play, Send } from "lucide-react";
import { useEffect, useRef } from "react";

import { CopyField } from "@/components/copy-field";
import { ProblemNote } from "@/components/problem-note";
import { Button } from "@/components/ui/button";
import { Card, CardHeading } from "@/components/ui/card";
import { useAssetFields } from "@/lib/asset-fields";
import { readInputs, type InputSpec } from "@/lib/definition";
import { dateTime } from "@/lib/format";
import type { Approval, Step, Wait } from "@/lib/types";

import { questionsQuery, stepQuery, useAnswer, useStartStep } from "./api";
import { ApproveQuestion } from "./approve-question";
import { InputForm } from "./input-form";
import { t, tn } from "./messages";

const wordsOf = (value: unknown): string => (typeof value === "string" ? value : "");
const placeOf = (path: readonly number[]): string => path.map((index) => index + 1).join(".");

/** The fields as they were written, because the database keeps no order in an object. */
function fieldsOf({ request }: Wait): InputSpec[] {
  const order: unknown[] = Array.isArray(request["order"]) ? request["order"] : [];
  const placeIn = (spec: InputSpec): number => order.indexOf(spec.name);
  return readInputs({ inputs: request["fields"] }).toSorted((one, other) => placeIn(one) - placeIn(other));
}

type AskedProps = { instanceId: string; step: Step; wait: Wait };

function FormQuestion({ instanceId, step, wait }: AskedProps) {
  const answer = useAnswer(instanceId, step.id);
  const renderAssets = useAssetFields();
  if (!wait.may_answer) return null;
  return (
    <InputForm
      label={wordsOf(wait.request["question"])}
      specs={fieldsOf(wait)}
      given={{}}
      sending={answer}
      renderAssets={renderAssets}
      onSend={(values) => answer.mutate(values)}
      empty=""
      action={
        <>
          {answer.isPending ? null : <Send aria-hidden />} {t("question.send")}
        </>
      }
    />
  );
}

function StartQuestion({ instanceId, step, wait }: AskedProps) {
  const start = useStartStep(instanceId, step.id);
  return (
    <div className="space-y-3">
      <p className="text-soft">{t("question.start_body")}</p>
      {start.error ? <ProblemNote error={start.error} /> : null}
      {wait.may_answer ? (
        <Button variant="primary" isBusy={start.isPending} onClick={() => start.mutate()}>
          {start.isPending ? null : <Play aria-hidden />} {t("question.start")}
        </Button>
      ) : null}
    </div>
  );
}

/** Who has said something already, where several are asked. */
function Said({ wait }: { wait: Wait }) {
  const { approvals } = wait.request;
  if (typeof approvals !== "number" || (approvals === 1 && wait.answers.length === 0)) return null;
  const names = wait.answers.map((one) => one.name).join(", ");
  return (
    <p className="text-[13px] text-soft">
      {tn("question.answers", wait.answers.length, { approvals })}
      {names === "" ? null : `: ${names}`}
    </p>
  );
}

/** Which step asks; of what a step of this run runs, with the way there. */
function Asker({ question, step, name, isOwn }: { question: Approval; step: Step; name: string; isOwn: boolean }) {
  const asker = step.path.length === 0 ? name : t("question.item", { step: name, number: placeOf(step.path) });
  if (isOwn) return <span className="text-xs text-soft">{asker}</span>;
  return (
    <Link
      to="/instances/$instanceId"
      params={{ instanceId: question.instance_id }}
      className="rounded text-xs text-soft underline underline-offset-2"
    >
      {t("question.of_child", { workflow: question.workflow_name, number: question.instance_number, step: asker })}
    </Link>
  );
}

type QuestionProps = { question: Approval; name: string; isOwn: boolean; isWanted: boolean };

function Question({ question, name, isOwn, isWanted }: QuestionProps) {
  const step = useQuery(stepQuery(question.instance_id, question.id)).data;
  const place = useRef<HTMLElement>(null);
  const wait = step?.wait ?? null;
  const isThere = wait !== null;
  useEffect(() => {
    if (!isWanted || !isThere) return;
    place.current?.scrollIntoView({ block: "start" });
    place.current?.focus({ preventScroll: true });
  }, [isWanted, isThere]);
  if (step === undefined || wait === null) return null;
  const heading =
    question.kind === "start" ? t("question.start_heading", { step: name }) : wordsOf(wait.request["question"]);
  const text = wordsOf(wait.request["text"]);
  const asked = { instanceId: question.instance_id, step, wait };
  return (
    <Card
      ref={place}
      tabIndex={-1}
      id={`question-${question.id}`}
      aria-label={heading}
      data-question={question.node_id}
      className="scroll-mt-6 border-waiting/50 outline-none"
    >
      <CardHeading aside={<Asker question={question} step={step} name={name} isOwn={isOwn} />}>
        <span className="flex items-center gap-2">
          <Hand className="size-4 shrink-0 text-waiting" aria-hidden /> {heading}
        </span>
      </CardHeading>
      <div className="space-y-4 p-4">
        {text === "" ? null : <p className="whitespace-pre-wrap">{text}</p>}
        {wait.until === null ? null : (
          <p className="text-[13px] text-soft">{t("question.until", { time: dateTime(wait.until) })}</p>
        )}
        <Said wait={wait} />
        {question.kind === "start" ? (
          <StartQuestion {...asked} />
        ) : wait.request["ask"] === "form" ? (
          <FormQuestion {...asked} />
        ) : (
          <ApproveQuestion {...asked} />
        )}
        {wait.refusal === null ? null : <p className="text-[13px] text-soft">{wait.refusal}</p>}
      </div>
    </Card>
  );
}

/** A step that another program calls: its address, for whoever may run workflows. */
export function Callback({ step, wait, name }: { step: Step; wait: Wait; name: string }) {
  const methods = wait.request["methods"];
  return (
    <Card aria-label={t("question.callback", { step: name })}>
      <CardHeading aside={<span className="text-xs text-soft">{name}</span>}>
        <span className="flex items-center gap-2">
          <PhoneIncoming className="size-4 shrink-0 text-waiting" aria-hidden /> {step.reason}
        </span>
      </CardHeading>
      <div className="space-y-3 p-4">
        {wait.address === null ? null : <CopyField label={t("question.address")} value={wait.address} />}
        <p className="text-[13px] text-soft">
          {t("question.callback_body", { methods: Array.isArray(methods) ? methods.join(", ") : "POST" })}
          {wait.until === null ? null : ` ${t("question.until", { time: dateTime(wait.until) })}`}
        </p>
      </div>
    </Card>
  );
}

type QuestionsProps = {
  instanceId: string;
  steps: readonly Step[];
  names: ReadonlyMap<string, string>;
  /** Of the address: the question somebody came for. */
  wanted: string;
};

export function Questions({ instanceId, steps, names, wanted }: QuestionsProps) {
  const questions = useQuery(questionsQuery(instanceId)).data ?? [];
  const nameOf = (node: string): string => names.get(node) ?? node;
  return (
    <>
      {questions.map((question) => (
        <Question
          key={question.id}
          question={question}
          isOwn={question.instance_id === instanceId}
          name={question.instance_id === instanceId ? nameOf(question.node_id) : question.node_id}
          isWanted={wanted === `question-${question.id}`}
        />
      ))}
      {steps.map((step) =>
        step.wait?.kind === "callback" ? (
          <Callback key={step.id} step={step} wait={step.wait} name={nameOf(step.node_id)} />
        ) : null,
      )}
    </>
  );
}

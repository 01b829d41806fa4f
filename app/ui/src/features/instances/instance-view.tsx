/** An instance as it happens: what it made, how its steps stand, what it was given. */
import { useQuery, useSuspenseQuery } from "@tanstack/react-query";
import { Link, useLocation } from "@tanstack/react-router";
import { lazy, Suspense, useMemo } from "react";

import { LiveBadge } from "@/components/live-badge";
import { Page } from "@/components/page";
import { FailureNote } from "@/components/problem-note";
import { StatusPill, statusWord } from "@/components/status";
import { Ago, Elapsed } from "@/components/time";
import { Button } from "@/components/ui/button";
import { Card, CardHeading } from "@/components/ui/card";
import { Progress } from "@/components/ui/progress";
import { Skeleton } from "@/components/ui/skeleton";
import { useStepTitles } from "@/lib/catalog";
import { bodyOf, readGraph, readInputs } from "@/lib/definition";
import type { Step } from "@/lib/types";

import { definitionQuery, instanceQuery, stepsQuery } from "./api";
import { ENDED, SETTLED, untilSettled } from "./ends";
import { InstanceActions } from "./instance-actions";
import { useLiveInstance, useLiveState } from "./live";
import { t, tn } from "./messages";
import { Origin } from "./origin";
import { Questions } from "./questions";
import { StartedBy } from "./started-by";
import { StepRow } from "./step-row";
import { ValueList } from "./value-view";

const WorkflowGraph = lazy(() => import("@/components/graph/workflow-graph"));

const POLL_MS = 2_000;

const showStep = (node: string): void =>
  document.getElementById(`step-${node}`)?.scrollIntoView({ block: "center", behavior: "smooth" });

/** How far the whole is, by its steps; said aloud when a step settles, not at every percent. */
function Overall({ steps }: { steps: readonly Step[] }) {
  const done = steps.filter((step) => SETTLED.has(step.status)).length;
  const running = steps.filter((step) => step.status === "running");
  const within = running.reduce(
    (sum, step) =>
      sum + (step.items && step.items.total > 0 ? step.items.done / step.items.total : (step.progress_fraction ?? 0)),
    0,
  );
  return (
    <div className="px-4 pt-3 pb-3.5">
      <div className="mb-2 flex justify-between text-[13px] text-soft">
        <span role="status">{tn("instance.steps_done", steps.length, { done })}</span>
      </div>
      <Progress
        fraction={steps.length === 0 ? null : (done + within) / steps.length}
        label={t("instance.progress")}
        className="h-2"
      />
    </div>
  );
}

export function InstanceView({ instanceId }: { instanceId: string }) {
  const instance = useSuspenseQuery(instanceQuery(instanceId)).data;
  const live = useLiveState();
  // Events tell of progress only over a live connection; without one the page has to ask.
  const isAsking = live === "polling" && !ENDED.has(instance.status);
  const hasEnded = ENDED.has(instance.status);
  const steps = useSuspenseQuery({
    ...stepsQuery(instanceId),
    refetchInterval: ({ state }) => (isAsking ? POLL_MS : untilSettled(hasEnded, state.data)),
  }).data;
  const whole: unknown = useQuery(definitionQuery(instance)).data?.definition;
  const definition = useMemo(() => bodyOf(whole, instance.body), [whole, instance.body]);
  useLiveInstance(instanceId, instance.event_seq, hasEnded);
  const titles = useStepTitles();
  const hash = useLocation({ select: (location) => location.hash });

  const graph = useMemo(() => readGraph(definition), [definition]);
  const specs = useMemo(() => readInputs(definition), [definition]);
  const labels = new Map(specs.map((spec) => [spec.name, spec.label]));
  // In the order of the form; the database keeps none.
  const inputs = {
    ...Object.fromEntries(specs.map(({ name }) => [name, instance.inputs[name] ?? null])),
    ...instance.inputs,
  };
  const names = new Map(graph.nodes.map((node) => [node.id, node.name ?? node.id]));
  const shown = steps.filter((step) => step.parent_id === null);
  const statuses = new Map(shown.map((step) => [step.node_id, step.status]));
  // With one step there is nothing to look for.
  const failedAt = shown.length > 1 ? (instance.error?.step ?? null) : null;
  const outputs = Object.entries(instance.outputs ?? {}).filter(([, value]) => value !== null);

  return (
    <Page
      isWide
      title={t("instance.title", { name: instance.workflow_name, number: instance.number })}
      trail={
        <>
          <Link to="/instances" className="rounded hover:text-foreground">
            {t("instances.heading")}
          </Link>
          <span aria-hidden>/</span>
          <Link
            to="/workflows/$workflowId"
            params={{ workflowId: instance.workflow_id }}
            className="rounded hover:text-foreground"
          >
            {instance.workflow_name}
          </Link>
          {instance.parent_id === null ? null : (
            <>
              <span aria-hidden>/</span>
              <Link
                to="/instances/$instanceId"
                params={{ instanceId: instance.parent_id }}
                className="rounded hover:text-foreground"
              >
                {t("instance.runs_for")}
              </Link>
            </>
          )}
        </>
      }
      badge={
        <>
          <StatusPill status={instance.status} />
          {hasEnded ? null : <LiveBadge state={live} />}
        </>
      }
      subtitle={
        <span className="text-[13px]">
          {t("instance.started")} <Ago time={instance.created_at} />
          <StartedBy instance={instance} />
          {instance.started_at === null ? null : (
            <>
              {" · "}
              <Elapsed start={instance.started_at} end={instance.ended_at} className="tabular-nums" />
            </>
          )}
          {instance.reason === null ? null : ` · ${instance.reason}`}
          {instance.details_gone_at === null ? null : ` · ${t("instance.details_gone")}`}
        </span>
      }
      actions={<InstanceActions instance={instance} steps={shown} />}
    >
      <p className="sr-only" aria-live="polite">
        {t("instance.is", { status: statusWord(instance.status) })}
      </p>
      <Origin instance={instance} names={names} labels={labels} />
      <div className="grid items-start gap-5 lg:grid-cols-[minmax(0,1fr)_22rem]">
        <div className="min-w-0 space-y-5">
          {hasEnded ? null : <Questions instanceId={instanceId} steps={shown} names={names} wanted={hash} />}
          {instance.error === null ? null : (
            <FailureNote heading={instance.error.message} remedy={instance.error.remedy} tag={instance.error.class}>
              {failedAt === null ? null : (
                <Button size="sm" variant="quiet" className="mt-1.5 -ml-2" onClick={() => showStep(failedAt)}>
                  {t("instance.failed_at", { step: names.get(failedAt) ?? failedAt })}
                </Button>
              )}
            </FailureNote>
          )}
          {instance.status === "completed" && outputs.length > 0 ? (
            <Card aria-label={t("instance.outputs")} className="p-4">
              <ValueList values={Object.fromEntries(outputs)} isLarge />
            </Card>
          ) : null}
          <Card aria-label={t("instance.steps")}>
            <CardHeading aside={<span className="text-xs text-faint">{tn("workflows.steps", shown.length)}</span>}>
              {t("instance.steps")}
            </CardHeading>
            {hasEnded ? null : <Overall steps={shown} />}
            <ol className="divide-y divide-border">
              {shown.map((step) => (
                <StepRow
                  key={step.id}
                  instance={instance}
                  step={step}
                  names={names}
                  name={names.get(step.node_id) ?? step.node_id}
                  title={titles.get(step.kind) ?? step.kind}
                />
              ))}
            </ol>
          </Card>
        </div>
        <div className="min-w-0 space-y-5">
          <Suspense fallback={<Skeleton className="h-72 rounded-xl" />}>
            <WorkflowGraph
              key={graph.nodes.length}
              definition={definition}
              statuses={statuses}
              titles={titles}
              direction="down"
              className="h-80"
              onOpen={showStep}
            />
          </Suspense>
          {Object.keys(inputs).length > 0 ? (
            <Card aria-label={t("instance.inputs")}>
              <CardHeading>{t("instance.inputs")}</CardHeading>
              <div className="p-4">
                <ValueList values={inputs} labels={labels} />
              </div>
            </Card>
          ) : null}
        </div>
      </div>
    </Page>
  );
}

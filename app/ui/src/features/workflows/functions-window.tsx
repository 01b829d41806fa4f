/** What expressions can call, to look up while a workflow is written. */
import { useQuery } from "@tanstack/react-query";
import { Sigma } from "lucide-react";
import { useState } from "react";

import { ProblemNote } from "@/components/problem-note";
import { Button } from "@/components/ui/button";
import { Dialog, DialogTrigger, DialogWindow } from "@/components/ui/dialog";
import { Input } from "@/components/ui/input";
import { Skeleton } from "@/components/ui/skeleton";

import { functionsQuery } from "./api";
import { byTopic, found, type ExpressionFunction } from "./functions";
import { t } from "./messages";

function Entry({ entry }: { entry: ExpressionFunction }) {
  return (
    <li data-function={entry.name}>
      <code className="font-mono text-[13px] break-words">{entry.signature}</code>
      <p className="text-[13px] text-soft">{entry.description || entry.title}</p>
      {entry.examples.map((example) => (
        <code
          key={example.expression}
          className="mt-1 block overflow-x-auto rounded bg-sunken px-2 py-1 font-mono text-xs whitespace-pre"
        >
          {example.expression} → {JSON.stringify(example.result)}
        </code>
      ))}
    </li>
  );
}

function Content() {
  const functions = useQuery(functionsQuery);
  const [wish, setWish] = useState("");
  if (functions.error) return <ProblemNote error={functions.error} className="m-5" />;
  if (functions.isPending) return <Skeleton className="m-5 h-60" />;
  const topics = byTopic(found(functions.data.items, wish));
  return (
    <>
      <div className="px-5 pb-3">
        <Input
          type="search"
          aria-label={t("functions.search")}
          placeholder={t("functions.search")}
          value={wish}
          onChange={(event) => setWish(event.target.value)}
        />
      </div>
      <div className="space-y-5 overflow-y-auto px-5 pb-5">
        {topics.length === 0 ? <p className="text-soft">{t("functions.none")}</p> : null}
        {topics.map(([topic, entries]) => (
          <section key={topic} aria-label={topic}>
            <h3 className="mb-2 text-xs font-medium text-soft first-letter:uppercase">{topic}</h3>
            <ul className="space-y-3">
              {entries.map((entry) => (
                <Entry key={entry.name} entry={entry} />
              ))}
            </ul>
          </section>
        ))}
      </div>
    </>
  );
}

export function FunctionsWindow() {
  return (
    <Dialog>
      <DialogTrigger asChild>
        <Button size="sm" variant="quiet">
          <Sigma aria-hidden /> {t("functions.open")}
        </Button>
      </DialogTrigger>
      <DialogWindow heading={t("functions.heading")} description={t("functions.body")} className="sm:h-[80dvh]">
        <Content />
      </DialogWindow>
    </Dialog>
  );
}

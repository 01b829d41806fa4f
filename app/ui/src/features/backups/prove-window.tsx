/** The recovery kit, brought back: as its file or its text, or by what stands at the end of two lines on paper. */
import { FileUp } from "lucide-react";
import { useRef, useState, type SyntheticEvent } from "react";
import { toast } from "sonner";

import { DropZone } from "@/components/drop-zone";
import { Field } from "@/components/field";
import { ProblemNote } from "@/components/problem-note";
import { Button } from "@/components/ui/button";
import { Dialog, DialogTrigger, DialogWindow } from "@/components/ui/dialog";
import { Input, Textarea } from "@/components/ui/input";
import { Tab, TabPanel, Tabs, TabsList } from "@/components/ui/tabs";

import { useProveKit, type KitProof } from "./api";
import { t } from "./messages";

/** As the kit's reader on the other side wants it. */
const ENDING = 8;
/** A kit is a page; what is larger is another file. */
const MOST_BYTES = 100_000;

const EMPTY = { text: "", password: "", encryption_key: "" };

function Forms({ onDone }: { onDone: () => void }) {
  const prove = useProveKit();
  const file = useRef<HTMLInputElement>(null);
  const [way, setWay] = useState("file");
  const [given, setGiven] = useState(EMPTY);
  const { text, ...endings } = given;

  function change(part: Partial<typeof EMPTY>): void {
    setGiven((before) => ({ ...before, ...part }));
    if (prove.error) prove.reset();
  }

  async function read([first]: readonly File[]): Promise<void> {
    if (first === undefined) return;
    if (first.size > MOST_BYTES) toast.error(t("kit.not_read"));
    else change({ text: await first.text() });
  }

  function submit(event: SyntheticEvent): void {
    event.preventDefault();
    const proof: KitProof = way === "file" ? { text } : { endings };
    prove.mutate(proof, {
      onSuccess: () => {
        toast.success(t("kit.proved"));
        onDone();
      },
    });
  }

  const ends = (name: keyof typeof endings, label: string) => (
    <Field label={label}>
      {(control) => (
        <Input
          {...control}
          required
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          maxLength={ENDING}
          className="font-mono"
          value={given[name]}
          onChange={(event) => change({ [name]: event.target.value })}
        />
      )}
    </Field>
  );

  return (
    <form onSubmit={submit} className="flex min-h-0 flex-col">
      <div className="min-h-0 overflow-y-auto px-5 pb-5">
        <Tabs value={way} onValueChange={setWay}>
          <TabsList aria-label={t("kit.ways")}>
            <Tab value="file">{t("kit.from_file")}</Tab>
            <Tab value="paper">{t("kit.from_paper")}</Tab>
          </TabsList>
          <TabPanel value="file">
            <DropZone onFiles={(files) => void read(files)} overClassName="rounded-md outline-2 outline-accent">
              <Field label={t("kit.whole")} hint={t("kit.whole_hint")}>
                {(control) => (
                  <Textarea
                    {...control}
                    required
                    rows={6}
                    spellCheck={false}
                    className="font-mono text-xs max-sm:text-base"
                    value={text}
                    onChange={(event) => change({ text: event.target.value })}
                  />
                )}
              </Field>
            </DropZone>
            <input
              ref={file}
              type="file"
              accept=".txt,text/plain"
              className="hidden"
              aria-label={t("kit.choose")}
              onChange={(event) => void read([...(event.target.files ?? [])])}
            />
            <Button size="sm" className="mt-3" onClick={() => file.current?.click()}>
              <FileUp aria-hidden /> {t("kit.choose")}
            </Button>
          </TabPanel>
          <TabPanel value="paper" className="space-y-4">
            {ends("password", t("kit.password_end", { count: ENDING }))}
            {ends("encryption_key", t("kit.key_end", { count: ENDING }))}
          </TabPanel>
        </Tabs>
        {prove.error ? <ProblemNote error={prove.error} className="mt-4" /> : null}
      </div>
      <footer className="flex justify-end gap-2 border-t border-border px-5 py-3">
        <Button type="submit" variant="primary" isBusy={prove.isPending}>
          {t("kit.compare")}
        </Button>
      </footer>
    </form>
  );
}

export function ProveWindow() {
  const [isOpen, setOpen] = useState(false);
  return (
    <Dialog open={isOpen} onOpenChange={setOpen}>
      <DialogTrigger asChild>
        <Button size="sm">{t("kit.prove")}</Button>
      </DialogTrigger>
      <DialogWindow heading={t("kit.prove_heading")} description={t("kit.prove_why")}>
        {isOpen ? <Forms onDone={() => setOpen(false)} /> : null}
      </DialogWindow>
    </Dialog>
  );
}

/** Things to choose among: pictures to click, or values in a list. Each is a box to tick. */
import { Check } from "lucide-react";

import { Thumbnail } from "@/components/media";
import type { AssetFacts } from "@/lib/asset-entry";
import { cn } from "@/lib/cn";

import { t } from "./messages";

const isFile = (value: unknown): value is AssetFacts =>
  typeof value === "object" && value !== null && "asset" in value && "mime" in value && "name" in value;

const textOf = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

type ChoicesProps = {
  choices: readonly unknown[];
  /** Places of those that are kept. */
  kept: ReadonlySet<number>;
  most: number;
  isReadOnly: boolean;
  onToggle: (place: number) => void;
};

export function Choices({ choices, kept, most, isReadOnly, onToggle }: ChoicesProps) {
  const arePictures = choices.some(isFile);
  return (
    <ul
      aria-label={t("question.choices")}
      className={
        arePictures ? "grid grid-cols-[repeat(auto-fill,minmax(8.5rem,1fr))] gap-2.5" : "flex flex-wrap gap-2.5"
      }
    >
      {choices.map((choice, place) => {
        const isKept = kept.has(place);
        const name = isFile(choice) ? choice.name : textOf(choice);
        return (
          <li key={place}>
            <label
              className={cn(
                "relative block cursor-pointer overflow-hidden rounded-lg border-2 transition-colors select-none has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-accent",
                isKept ? "border-accent" : "border-border hover:border-control",
                isReadOnly && "cursor-default",
              )}
            >
              <input
                type="checkbox"
                className="sr-only"
                aria-label={t("question.keep", { name })}
                checked={isKept}
                disabled={isReadOnly || (!isKept && kept.size >= most && most > 1)}
                onChange={() => onToggle(place)}
              />
              {isFile(choice) ? (
                <>
                  <Thumbnail file={choice} isDecorative className={cn(!isKept && kept.size > 0 && "opacity-60")} />
                  <span className="block truncate px-2 py-1.5 text-xs text-soft">{choice.name}</span>
                </>
              ) : (
                <span className="block max-w-80 truncate py-2 pr-9 pl-3 text-sm">{name}</span>
              )}
              <span
                aria-hidden
                className={cn(
                  "absolute top-1.5 right-1.5 grid size-5 place-items-center rounded-full border border-border bg-surface/85",
                  isKept && "border-accent bg-accent text-background",
                )}
              >
                {isKept ? <Check className="size-3.5" /> : null}
              </span>
            </label>
          </li>
        );
      })}
    </ul>
  );
}

/** The search above a list of files: a word of the name, and from where they are. */
import { Search as Glass } from "lucide-react";
import { useEffect, useState } from "react";

import { Input, Select } from "@/components/ui/input";

import { t, type PlainKey } from "./messages";
import { ORIGINS, type Origin, type Search } from "./search";

const PAUSE_MS = 250; // a word is asked for when the fingers rest, not letter by letter

const NAMES: Record<Origin, PlainKey> = {
  kept: "assets.origin_kept",
  upload: "assets.source_upload",
  result: "assets.source_result",
  step: "assets.source_step",
  sample: "assets.source_sample",
  all: "assets.origin_all",
};

type SearchBarProps = {
  search: Pick<Search, "origin" | "name">;
  onChange: (change: Partial<Pick<Search, "origin" | "name">>) => void;
};

export function SearchBar({ search, onChange }: SearchBarProps) {
  const [typed, setTyped] = useState(search.name);
  useEffect(() => {
    if (typed.trim() === search.name) return;
    const pause = setTimeout(() => onChange({ name: typed.trim() }), PAUSE_MS);
    return () => clearTimeout(pause);
  }, [typed, search.name, onChange]);
  return (
    <search className="flex min-w-0 flex-1 basis-full items-center gap-2 sm:basis-80">
      <div className="relative min-w-0 flex-1 sm:max-w-64">
        <Glass
          className="pointer-events-none absolute top-1/2 left-2.5 z-10 size-4 -translate-y-1/2 text-faint"
          aria-hidden
        />
        <Input
          type="search"
          aria-label={t("assets.search")}
          placeholder={t("assets.search")}
          maxLength={255}
          className="pl-8"
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
        />
      </div>
      <Select
        aria-label={t("assets.origin")}
        value={search.origin}
        onChange={(event) => {
          const origin = ORIGINS.find((one) => one === event.target.value);
          if (origin) onChange({ origin });
        }}
      >
        {ORIGINS.map((origin) => (
          <option key={origin} value={origin}>
            {t(NAMES[origin])}
          </option>
        ))}
      </Select>
    </search>
  );
}

/** A value of an input or output as people see it: files as what they are, the rest as text. */
import { Download } from "lucide-react";

import { contentUrl, downloadUrl, KindIcon, Thumbnail, Viewer } from "@/components/media";
import { Button } from "@/components/ui/button";
import type { AssetFacts } from "@/lib/asset-entry";
import { titled } from "@/lib/definition";
import { bytes, measure } from "@/lib/format";

import { t } from "./messages";
import type { PortLook } from "./port-specs";

const isFile = (value: unknown): value is AssetFacts =>
  typeof value === "object" && value !== null && "asset" in value && "mime" in value && "name" in value;

const isPlain = (value: unknown): boolean => value === null || ["string", "number", "boolean"].includes(typeof value);

function DownloadLink({ file, isSmall = false }: { file: AssetFacts; isSmall?: boolean }) {
  return (
    <Button asChild size={isSmall ? "icon-sm" : "md"} variant={isSmall ? "quiet" : "outline"}>
      <a href={downloadUrl(file.asset)} download={file.name} aria-label={t("media.download", { name: file.name })}>
        <Download aria-hidden /> {isSmall ? null : t("common.download")}
      </a>
    </Button>
  );
}

/** One file, large: what the instance was run for. */
function FileView({ file }: { file: AssetFacts }) {
  return (
    <figure>
      <Viewer file={file} />
      <figcaption className="mt-2.5 flex items-center gap-2.5">
        <KindIcon mime={file.mime} className="size-4" />
        <span className="min-w-0 flex-1 truncate text-[13px]">{file.name}</span>
        <span className="text-[13px] whitespace-nowrap text-soft tabular-nums">{bytes(file.size_bytes)}</span>
        <DownloadLink file={file} />
      </figcaption>
    </figure>
  );
}

/** Many files: a sheet of thumbnails, each a way to the whole. */
function FileSheet({ files }: { files: readonly AssetFacts[] }) {
  return (
    <ul className="grid grid-cols-[repeat(auto-fill,minmax(5.5rem,1fr))] gap-2">
      {files.map((file, index) => (
        <li key={`${file.asset}-${String(index)}`}>
          <a
            href={contentUrl(file.asset)}
            target="_blank"
            rel="noreferrer"
            aria-label={t("media.open", { name: file.name })}
            className="block overflow-hidden rounded-md border border-border hover:border-control"
          >
            <Thumbnail file={file} />
          </a>
        </li>
      ))}
    </ul>
  );
}

type ValueViewProps = { value: unknown; unit: string | null; isLarge: boolean };

function ValueView({ value, unit, isLarge }: ValueViewProps) {
  if (isFile(value)) return isLarge ? <FileView file={value} /> : <FileSheet files={[value]} />;
  if (Array.isArray(value) && value.length > 0) {
    const files = value.filter(isFile);
    if (files.length > 0 && value.every((entry) => entry === null || isFile(entry))) return <FileSheet files={files} />;
  }
  if (value === null || value === undefined || value === "")
    return <span className="text-faint">{t("value.empty")}</span>;
  if (typeof value === "boolean") return <span>{t(value ? "value.yes" : "value.no")}</span>;
  if (typeof value === "number" && unit !== null) return <span className="tabular-nums">{measure(value, unit)}</span>;
  if (typeof value === "string" || typeof value === "number") {
    return <span className="break-words whitespace-pre-wrap tabular-nums">{String(value)}</span>;
  }
  if (Array.isArray(value) && value.length > 0 && value.every(isPlain)) {
    return (
      <span className="font-mono text-[13px] break-words tabular-nums">
        {value
          .map((entry) => (typeof entry === "number" && unit !== null ? measure(entry, unit) : JSON.stringify(entry)))
          .join(", ")}
      </span>
    );
  }
  return (
    <pre className="max-h-72 overflow-auto rounded-md bg-sunken p-2.5 font-mono text-xs">
      {JSON.stringify(value, null, 2)}
    </pre>
  );
}

/** Named values, one under the other. */
export function ValueList({
  values,
  labels,
  looks,
  isLarge = false,
}: {
  values: Record<string, unknown>;
  labels?: ReadonlyMap<string, string>;
  /** What the type of a step says of its values, in its order. */
  looks?: ReadonlyMap<string, PortLook>;
  isLarge?: boolean;
}) {
  const names = [...new Set([...(looks?.keys() ?? []), ...Object.keys(values)])].filter((name) => name in values);
  return (
    <dl className="space-y-3.5">
      {names.map((name) => (
        <div key={name} data-value={name}>
          <dt className="mb-1 text-xs text-soft">{looks?.get(name)?.label ?? labels?.get(name) ?? titled(name)}</dt>
          <dd className="min-w-0">
            <ValueView value={values[name]} unit={looks?.get(name)?.unit ?? null} isLarge={isLarge} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

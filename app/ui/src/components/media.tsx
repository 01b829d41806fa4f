/** Files as people see them: a picture, a player, or a name with a way to keep it. */
import { AudioLines, File, FileImage, Film } from "lucide-react";

import { cn } from "@/lib/cn";
import type { AssetFacts } from "@/lib/asset-entry";
import { bytes } from "@/lib/format";
import { t } from "@/lib/messages";

export const contentUrl = (id: string): string => `/api/v1/assets/${id}/content`;
export const downloadUrl = (id: string): string => `${contentUrl(id)}?download=true`;

export function kindOf(mime: string): "image" | "video" | "audio" | "file" {
  const family = mime.split("/", 1)[0];
  return family === "image" || family === "video" || family === "audio" ? family : "file";
}

const ICONS = { image: FileImage, video: Film, audio: AudioLines, file: File };

export function KindIcon({ mime, className }: { mime: string; className?: string }) {
  const Icon = ICONS[kindOf(mime)];
  return <Icon className={cn("size-5 text-soft", className)} aria-hidden />;
}

/** A small square view; for anything without a picture its kind. */
export function Thumbnail({ file, className }: { file: AssetFacts; className?: string }) {
  const kind = kindOf(file.mime);
  return (
    <div className={cn("grid aspect-square place-items-center overflow-hidden bg-sunken", className)}>
      {kind === "image" ? (
        <img src={contentUrl(file.asset)} alt={file.name} loading="lazy" decoding="async" className="size-full object-cover" />
      ) : kind === "video" ? (
        <video src={`${contentUrl(file.asset)}#t=0.5`} preload="metadata" muted playsInline tabIndex={-1} aria-label={file.name} className="size-full object-cover" />
      ) : (
        <KindIcon mime={file.mime} />
      )}
    </div>
  );
}

/** The thing itself, playable or zoomable, sized for reading. */
export function Viewer({ file, className }: { file: AssetFacts; className?: string }) {
  const url = contentUrl(file.asset);
  switch (kindOf(file.mime)) {
    case "image":
      return (
        <a href={url} target="_blank" rel="noreferrer" aria-label={t("media.open", { name: file.name })} className={cn("block", className)}>
          <img src={url} alt={file.name} className="max-h-[70dvh] w-full rounded-lg bg-sunken object-contain" />
        </a>
      );
    case "video":
      return (
        // eslint-disable-next-line jsx-a11y/media-has-caption -- people's own films come without captions
        <video src={url} controls playsInline preload="metadata" aria-label={file.name} className={cn("max-h-[70dvh] w-full rounded-lg bg-black", className)} />
      );
    case "audio":
      return (
        // eslint-disable-next-line jsx-a11y/media-has-caption -- as above
        <audio src={url} controls preload="metadata" aria-label={file.name} className={cn("w-full", className)} />
      );
    case "file":
      return (
        <div className={cn("flex items-center gap-3 rounded-lg border border-border bg-sunken px-4 py-3", className)}>
          <KindIcon mime={file.mime} />
          <span className="min-w-0 truncate">{file.name}</span>
          <span className="ml-auto text-xs whitespace-nowrap text-soft">{bytes(file.size_bytes)}</span>
        </div>
      );
  }
}

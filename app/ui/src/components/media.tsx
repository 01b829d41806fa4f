/** Files as people see them: a picture, a player, or a name with a way to keep it. */
import { AudioLines, CircleOff, File, FileImage, Film } from "lucide-react";
import { useState } from "react";

import { cn } from "@/lib/cn";
import type { AssetFacts } from "@/lib/asset-entry";
import { bytes } from "@/lib/format";
import { t } from "@/lib/messages";

export const contentUrl = (id: string): string => `/api/v1/assets/${id}/content`;
export const downloadUrl = (id: string): string => `${contentUrl(id)}?download=true`;

function kindOf(mime: string): "image" | "video" | "audio" | "file" {
  const family = mime.split("/", 1)[0];
  return family === "image" || family === "video" || family === "audio" ? family : "file";
}

const ICONS = { image: FileImage, video: Film, audio: AudioLines, file: File };

export function KindIcon({ mime, className }: { mime: string; className?: string }) {
  const Icon = ICONS[kindOf(mime)];
  return <Icon className={cn("size-5 text-soft", className)} aria-hidden />;
}

/** `isDecorative`: the name stands beside it already. */
type ThumbnailProps = { file: AssetFacts; className?: string; isDecorative?: boolean };

/** A small square view; for anything without a picture, and for what was deleted since, its kind. */
export function Thumbnail({ file, className, isDecorative = false }: ThumbnailProps) {
  const [isGone, setGone] = useState(false);
  const kind = isGone ? "file" : kindOf(file.mime);
  return (
    <div className={cn("grid aspect-square place-items-center overflow-hidden bg-sunken", className)}>
      {kind === "image" ? (
        <img
          src={contentUrl(file.asset)}
          alt={isDecorative ? "" : file.name}
          loading="lazy"
          decoding="async"
          onError={() => setGone(true)}
          className="size-full object-cover"
        />
      ) : kind === "video" ? (
        <video
          src={`${contentUrl(file.asset)}#t=0.5`}
          preload="metadata"
          muted
          playsInline
          tabIndex={-1}
          aria-label={isDecorative ? undefined : file.name}
          aria-hidden={isDecorative}
          onError={() => setGone(true)}
          className="size-full object-cover"
        />
      ) : (
        <KindIcon mime={file.mime} />
      )}
    </div>
  );
}

/** Deleted since, or of a kind this browser cannot show; the download tells which. */
function Gone({ file, className }: { file: AssetFacts; className?: string }) {
  return (
    <div
      className={cn("flex items-center gap-3 rounded-lg border border-border bg-sunken px-4 py-6 text-soft", className)}
    >
      <CircleOff className="size-5" aria-hidden />
      {t("media.gone", { name: file.name })}
    </div>
  );
}

/** The thing itself, playable or zoomable, sized for reading. */
export function Viewer({ file, className }: { file: AssetFacts; className?: string }) {
  const [isBroken, setBroken] = useState(false);
  const url = contentUrl(file.asset);
  if (isBroken) return <Gone file={file} className={className} />;
  switch (kindOf(file.mime)) {
    case "image":
      return (
        <a
          href={url}
          target="_blank"
          rel="noreferrer"
          aria-label={t("media.open", { name: file.name })}
          className={cn("block", className)}
        >
          <img
            src={url}
            alt={file.name}
            onError={() => setBroken(true)}
            className="max-h-[70dvh] w-full rounded-lg bg-sunken object-contain"
          />
        </a>
      );
    case "video":
      return (
        // eslint-disable-next-line jsx-a11y/media-has-caption -- people's own films come without captions
        <video
          src={url}
          controls
          playsInline
          preload="metadata"
          aria-label={file.name}
          onError={() => setBroken(true)}
          className={cn("max-h-[70dvh] w-full rounded-lg bg-black", className)}
        />
      );
    case "audio":
      return (
        // eslint-disable-next-line jsx-a11y/media-has-caption -- as above
        <audio
          src={url}
          controls
          preload="metadata"
          aria-label={file.name}
          onError={() => setBroken(true)}
          className={cn("w-full", className)}
        />
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

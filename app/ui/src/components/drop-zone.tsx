/** A place to drop files on; the same can always be done with a button inside it. */
import { useState, type DragEvent, type ReactNode } from "react";

import { cn } from "@/lib/cn";

type DropZoneProps = {
  onFiles: (files: readonly File[]) => void;
  className?: string;
  overClassName?: string;
  children: ReactNode;
};

export function DropZone({ onFiles, className, overClassName, children }: DropZoneProps) {
  const [isOver, setOver] = useState(false);

  function hover(event: DragEvent): void {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    setOver(true);
  }

  function leave(event: DragEvent): void {
    if (!(event.relatedTarget instanceof Node && event.currentTarget.contains(event.relatedTarget))) setOver(false);
  }

  function drop(event: DragEvent): void {
    event.preventDefault();
    setOver(false);
    const files = [...event.dataTransfer.files];
    if (files.length > 0) onFiles(files);
  }

  return (
    // eslint-disable-next-line jsx-a11y/no-static-element-interactions -- dropping has no keyboard; every zone holds a button that does the same
    <div
      onDragEnter={hover}
      onDragOver={hover}
      onDragLeave={leave}
      onDrop={drop}
      className={cn(className, isOver && overClassName)}
    >
      {children}
    </div>
  );
}

/** On or off, taking effect with the form it stands in. */
import { Switch as Radix } from "radix-ui";
import type { ComponentProps } from "react";

import { cn } from "@/lib/cn";

export function Switch({ className, ...rest }: ComponentProps<typeof Radix.Root>) {
  return (
    <Radix.Root
      className={cn(
        "inline-flex h-5.5 w-9.5 shrink-0 items-center rounded-full border border-transparent bg-control/70 px-0.5 transition-colors data-[state=checked]:bg-accent",
        className,
      )}
      {...rest}
    >
      <Radix.Thumb className="size-4.5 rounded-full bg-white shadow-card transition-transform data-[state=checked]:translate-x-3.75" />
    </Radix.Root>
  );
}

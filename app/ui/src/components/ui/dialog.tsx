/** Windows over the page: a dialog for picking and editing, an alert for what cannot be undone. */
import { X } from "lucide-react";
import { AlertDialog as Alert, Dialog as Radix } from "radix-ui";
import type { ComponentProps, ReactNode } from "react";

import { cn } from "@/lib/cn";
import { t } from "@/lib/messages";

import { Button } from "./button";

const SHADE =
  "fixed inset-0 z-40 bg-black/35 backdrop-blur-[2px] data-[state=closed]:animate-out data-[state=closed]:fade-out-0 data-[state=open]:animate-in data-[state=open]:fade-in-0 dark:bg-black/60";
const WINDOW =
  "fixed z-50 border border-border bg-surface shadow-float outline-none data-[state=closed]:animate-out data-[state=closed]:fade-out-0 data-[state=open]:animate-in data-[state=open]:fade-in-0 data-[state=open]:zoom-in-[0.98] max-sm:inset-x-0 max-sm:bottom-0 max-sm:max-h-[92dvh] max-sm:rounded-t-xl sm:top-1/2 sm:left-1/2 sm:max-h-[86dvh] sm:-translate-x-1/2 sm:-translate-y-1/2 sm:rounded-xl dark:bg-raised";

export const Dialog = Radix.Root;
export const DialogTrigger = Radix.Trigger;
export const DialogClose = Radix.Close;

type DialogWindowProps = ComponentProps<typeof Radix.Content> & { heading: ReactNode; description?: ReactNode };

export function DialogWindow({ className, heading, description, children, ...rest }: DialogWindowProps) {
  return (
    <Radix.Portal>
      <Radix.Overlay className={SHADE} />
      <Radix.Content
        className={cn(WINDOW, "flex w-full flex-col sm:w-[min(92vw,34rem)]", className)}
        {...(description === undefined ? { "aria-describedby": undefined } : {})}
        {...rest}
      >
        <header className="flex items-start justify-between gap-4 px-5 pt-4 pb-3">
          <div>
            <Radix.Title className="text-base font-semibold">{heading}</Radix.Title>
            {description === undefined ? null : (
              <Radix.Description className="mt-0.5 text-[13px] text-soft">{description}</Radix.Description>
            )}
          </div>
          <Radix.Close asChild>
            <Button variant="quiet" size="icon-sm" className="-mt-1 -mr-2" aria-label={t("common.close")}>
              <X aria-hidden />
            </Button>
          </Radix.Close>
        </header>
        {children}
      </Radix.Content>
    </Radix.Portal>
  );
}

type ConfirmProps = {
  isOpen: boolean;
  onOpenChange: (isOpen: boolean) => void;
  heading: string;
  body: string;
  action: string;
  onConfirm: () => void;
};

/** Asks before something that cannot be taken back; the safe answer has the focus. */
export function ConfirmWindow({ isOpen, onOpenChange, heading, body, action, onConfirm }: ConfirmProps) {
  return (
    <Alert.Root open={isOpen} onOpenChange={onOpenChange}>
      <Alert.Portal>
        <Alert.Overlay className={SHADE} />
        <Alert.Content className={cn(WINDOW, "w-full p-5 sm:w-[min(92vw,26rem)]")}>
          <Alert.Title className="text-base font-semibold">{heading}</Alert.Title>
          <Alert.Description className="mt-1.5 text-soft">{body}</Alert.Description>
          <div className="mt-5 flex justify-end gap-2">
            <Alert.Cancel asChild>
              <Button>{t("common.keep")}</Button>
            </Alert.Cancel>
            <Alert.Action asChild>
              <Button variant="danger-solid" onClick={onConfirm}>
                {action}
              </Button>
            </Alert.Action>
          </div>
        </Alert.Content>
      </Alert.Portal>
    </Alert.Root>
  );
}

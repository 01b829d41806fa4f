/** Short notices at the edge: something was done, or was not. */
import { Toaster } from "sonner";

import { useTheme } from "@/lib/theme";

export function Notices() {
  const { isDark } = useTheme();
  return (
    <Toaster
      theme={isDark ? "dark" : "light"}
      position="bottom-right"
      mobileOffset={{ bottom: 72 }}
      toastOptions={{
        classNames: {
          toast: "!rounded-lg !border-border !bg-raised !text-foreground !shadow-float !font-sans",
          error: "[&_[data-icon]]:!text-failed",
          success: "[&_[data-icon]]:!text-completed",
        },
      }}
    />
  );
}

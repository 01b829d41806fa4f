/** The door of the page. */
import "./index.css";

import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { Notices } from "@/app/notices";
import { cache, router } from "@/app/router";
import { TooltipProvider } from "@/components/ui/tooltip";
import { feed } from "@/lib/feed";
import { Problem } from "@/lib/problem";
import { onSignedOut } from "@/lib/session";

onSignedOut(() => {
  const here = router.state.location;
  if (here.pathname === "/login") return;
  cache.clear();
  void router.navigate({ to: "/login", search: { to: here.href } });
});

window.addEventListener("offline", () => feed.goOffline());
window.addEventListener("online", () => feed.goOnline());

const host = document.getElementById("root");
if (host === null) throw new Error("index.html has lost its root element");

createRoot(host, {
  // A refusal by the server is shown on the page; anything else caught there is a fault of ours.
  onCaughtError: (error) => {
    if (!(error instanceof Problem)) reportError(error);
  },
}).render(
  <StrictMode>
    <QueryClientProvider client={cache}>
      <TooltipProvider delayDuration={300}>
        <RouterProvider router={router} />
        <Notices />
      </TooltipProvider>
    </QueryClientProvider>
  </StrictMode>,
);

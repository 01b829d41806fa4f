/** The pages before anybody is signed in. */
import { getRouteApi, useNavigate, useRouter } from "@tanstack/react-router";
import { useEffect } from "react";

import { Doorway } from "@/components/doorway";
import { LoginForm } from "@/features/auth/login-form";
import { SetupForm } from "@/features/setup/setup-form";
import { t } from "@/lib/messages";

function useTitle(title: string): void {
  useEffect(() => {
    document.title = t("page.title", { title });
  }, [title]);
}

const login = getRouteApi("/login");

export function LoginPage() {
  const { to } = login.useSearch();
  const router = useRouter();
  useTitle(t("auth.title"));
  return (
    <Doorway title={t("auth.title")} subtitle={t("auth.subtitle")}>
      <LoginForm onDone={() => router.history.push(to ?? "/workflows")} />
    </Doorway>
  );
}

const setup = getRouteApi("/setup");

export function SetupPage() {
  const { token } = setup.useSearch();
  const navigate = useNavigate();
  useTitle(t("setup.title"));
  return (
    <Doorway title={t("setup.title")} subtitle={t("setup.subtitle")}>
      <SetupForm token={token ?? null} onDone={() => void navigate({ to: "/workflows", replace: true })} />
    </Doorway>
  );
}

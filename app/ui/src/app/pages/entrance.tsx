/** The pages before anybody is signed in. */
import { getRouteApi, useNavigate, useRouter } from "@tanstack/react-router";

import { LoginForm } from "@/features/auth/login-form";
import { SetupForm } from "@/features/setup/setup-form";

const login = getRouteApi("/login");

export function LoginPage() {
  const { to } = login.useSearch();
  const router = useRouter();
  return <LoginForm onDone={() => router.history.push(to ?? "/")} />;
}

const setup = getRouteApi("/setup");

export function SetupPage() {
  const { token } = setup.useSearch();
  const navigate = useNavigate();
  return <SetupForm token={token ?? null} onDone={() => void navigate({ to: "/", replace: true })} />;
}

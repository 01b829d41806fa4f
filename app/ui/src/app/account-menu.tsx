/** Who is signed in, how the page looks, and the way out. */
import { useNavigate } from "@tanstack/react-router";
import { ChevronsUpDown, LogOut, Monitor, Moon, Sun } from "lucide-react";

import {
  Menu,
  MenuItem,
  MenuLabel,
  MenuRadioGroup,
  MenuRadioItem,
  MenuSeparator,
  MenuTrigger,
  MenuWindow,
} from "@/components/ui/menu";
import { useLogout } from "@/features/auth/api";
import { cn } from "@/lib/cn";
import { useMe } from "@/lib/me";
import { t } from "@/app/messages";
import { chooseTheme, useTheme, type Theme } from "@/lib/theme";

function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  return ((words[0]?.[0] ?? "") + (words.length > 1 ? (words.at(-1)?.[0] ?? "") : "")).toUpperCase();
}

export function AccountMenu({ isSmall = false }: { isSmall?: boolean }) {
  const { user, organization, role } = useMe();
  const { theme } = useTheme();
  const logout = useLogout();
  const navigate = useNavigate();
  const roleName = t(`role.${role}`);

  return (
    <Menu>
      <MenuTrigger
        aria-label={isSmall ? t("account.menu", { name: user.name }) : undefined}
        className={cn(
          "flex items-center gap-2.5 rounded-md text-left transition-colors hover:bg-sunken data-[state=open]:bg-sunken dark:hover:bg-raised dark:data-[state=open]:bg-raised",
          isSmall ? "p-1" : "w-full px-2 py-1.5",
        )}
      >
        <span
          aria-hidden
          className="grid size-8 shrink-0 place-items-center rounded-full bg-accent-soft text-xs font-semibold text-accent"
        >
          {initials(user.name)}
        </span>
        {isSmall ? null : (
          <>
            <span className="min-w-0 flex-1">
              <span className="block truncate text-[13px] font-medium">
                <span className="sr-only">{t("account.of")} </span>
                {user.name}
              </span>
              <span className="block truncate text-xs text-soft">{roleName}</span>
            </span>
            <ChevronsUpDown className="size-4 text-faint" aria-hidden />
          </>
        )}
      </MenuTrigger>
      <MenuWindow align={isSmall ? "end" : "start"} side={isSmall ? "bottom" : "top"} className="w-60">
        <div className="px-2.5 pt-2 pb-2.5">
          <p className="truncate text-[13px] font-medium">{user.email}</p>
          <p className="truncate text-xs text-soft">
            {organization.name} · {roleName}
            {user.is_super_admin ? ` · ${t("account.super_admin")}` : ""}
          </p>
        </div>
        <MenuSeparator />
        <MenuLabel>{t("account.theme")}</MenuLabel>
        <MenuRadioGroup value={theme} onValueChange={(value) => chooseTheme(value as Theme)}>
          <MenuRadioItem value="light">
            <Sun aria-hidden /> {t("account.light")}
          </MenuRadioItem>
          <MenuRadioItem value="dark">
            <Moon aria-hidden /> {t("account.dark")}
          </MenuRadioItem>
          <MenuRadioItem value="system">
            <Monitor aria-hidden /> {t("account.system")}
          </MenuRadioItem>
        </MenuRadioGroup>
        <MenuSeparator />
        <MenuItem
          onSelect={() => logout.mutate(undefined, { onSettled: () => void navigate({ to: "/login", search: {} }) })}
        >
          <LogOut aria-hidden /> {t("account.logout")}
        </MenuItem>
      </MenuWindow>
    </Menu>
  );
}

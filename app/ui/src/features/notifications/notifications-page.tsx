/** What somebody should know, newest first; looking at it is having seen it. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Bell, CircleAlert, Info, OctagonAlert } from "lucide-react";
import { useEffect } from "react";

import { LoadMore } from "@/components/load-more";
import { Empty, Page } from "@/components/page";
import { ProblemNote } from "@/components/problem-note";
import { Tag } from "@/components/tag";
import { Ago } from "@/components/time";
import { Skeleton } from "@/components/ui/skeleton";
import { useMe } from "@/lib/me";
import { itemsOf } from "@/lib/paging";
import type { Notification } from "@/lib/types";

import { notificationsQuery, useMarkSeen } from "./api";
import { ChannelList } from "./channel-list";
import { t } from "./messages";

const LOOKS = {
  info: { icon: Info, ink: "text-soft", word: "notes.info" },
  warning: { icon: CircleAlert, ink: "text-waiting", word: "notes.warning" },
  critical: { icon: OctagonAlert, ink: "text-failed", word: "notes.critical" },
} as const;

function Row({ note }: { note: Notification }) {
  const { icon: Icon, ink, word } = LOOKS[note.severity];
  return (
    <li className="flex items-start gap-3 px-4 py-3">
      <Icon role="img" aria-label={t(word)} className={`mt-0.5 size-4 shrink-0 ${ink}`} />
      <div className="min-w-0 flex-1">
        <p className="flex flex-wrap items-center gap-2 font-medium">
          {note.title}
          {note.is_seen ? null : <Tag tone="accent">{t("notes.new")}</Tag>}
          {note.is_about_box ? <Tag>{t("notes.box")}</Tag> : null}
        </p>
        <p className="text-[13px] break-words text-soft">{note.body}</p>
        {note.remedy == null ? null : <p className="mt-0.5 text-[13px] break-words">{note.remedy}</p>}
        {note.link == null ? null : (
          <Link
            to={note.link}
            className="mt-1 inline-block rounded text-[13px] font-medium text-accent hover:underline"
          >
            {t("notes.see")}
          </Link>
        )}
      </div>
      <Ago time={note.at} className="text-right text-[13px] whitespace-nowrap text-soft" />
    </li>
  );
}

export function NotificationsPage() {
  const list = useInfiniteQuery(notificationsQuery);
  const { user } = useMe();
  const { mutate: markSeen } = useMarkSeen();
  const notes = itemsOf(list.data) ?? [];
  const newest = notes[0];
  const unseen = newest !== undefined && !newest.is_seen ? newest.id : null;
  useEffect(() => {
    if (unseen !== null) markSeen(unseen);
  }, [unseen, markSeen]);
  return (
    <Page title={t("notes.heading")} subtitle={t("notes.subtitle")}>
      {list.error ? <ProblemNote error={list.error} /> : null}
      {list.isPending ? <Skeleton className="h-40 rounded-xl" /> : null}
      {list.data && notes.length === 0 ? (
        <Empty icon={Bell} heading={t("notes.empty")} body={t("notes.empty_body")} />
      ) : null}
      {notes.length === 0 ? null : (
        <ul
          aria-label={t("notes.list")}
          className="divide-y divide-border overflow-hidden rounded-xl border border-border bg-surface shadow-card"
        >
          {notes.map((note) => (
            <Row key={note.id} note={note} />
          ))}
        </ul>
      )}
      <LoadMore list={list} />
      {user.is_super_admin ? <ChannelList /> : null}
    </Page>
  );
}

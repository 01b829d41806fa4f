import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { LiveFeed } from "@/lib/live";
import { backoff_ms, parseLive, type LiveEvent } from "@/lib/live-protocol";
import { Problem } from "@/lib/problem";

const event = (seq: number): LiveEvent => ({
  seq,
  type: "step.running",
  step_id: "s",
  data: {},
  at: "2026-11-23T12:00:00Z",
});
const frame = (...events: LiveEvent[]): string => JSON.stringify({ topic: "instance:i", events });

/** A connection that the test opens, feeds and breaks by hand. */
class Wire {
  readyState = 0;
  sent: unknown[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((message: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;
  onerror: (() => void) | null = null;
  isClosed = false;

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.readyState = 3;
    this.onclose?.();
  }

  say(data: string): void {
    this.onmessage?.({ data });
  }
}

function house() {
  const sockets: Wire[] = [];
  const streams: (Wire & { after: number })[] = [];
  const asked: number[] = [];
  const answers: (LiveEvent[] | Promise<LiveEvent[]> | Error)[] = [];
  const feed = new LiveFeed({
    openSocket: () => {
      const wire = new Wire();
      sockets.push(wire);
      return wire as unknown as WebSocket;
    },
    openStream: (_, after) => {
      const wire = Object.assign(new Wire(), { after });
      streams.push(wire);
      return wire as unknown as EventSource;
    },
    ask: (_, after) => {
      asked.push(after);
      const answer = answers.shift() ?? [];
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
    renew: () => Promise.resolve(true),
  });
  const heard: number[] = [];
  const leave = feed.follow("i", 3, {
    onEvents: (events) => heard.push(...events.map((one) => one.seq)),
    onProgress: () => undefined,
  });
  return { feed, sockets, streams, asked, answers, heard, leave };
}

/** Lets the next socket come up after the pause that a break causes. */
async function untilNextSocket(sockets: Wire[], count: number): Promise<Wire> {
  while (sockets.length < count) await vi.advanceTimersByTimeAsync(500);
  return sockets[count - 1] as Wire;
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

test("the feed asks for what comes behind the last event it knows", () => {
  const { feed, sockets, heard } = house();
  sockets[0]?.open();
  expect(feed.state).toBe("live");
  expect(sockets[0]?.sent).toEqual([{ subscribe: "instance:i", after: 3 }]);
  sockets[0]?.say(frame(event(4), event(5)));
  expect(heard).toEqual([4, 5]);
});

test("a line over which changes come late says so until that is over", async () => {
  const { feed, sockets, heard, leave } = house();
  const late = (isLate: boolean): string => JSON.stringify({ topic: "instance:i", late: isLate });
  sockets[0]?.open();
  sockets[0]?.say(late(true));
  expect(feed.state).toBe("late");
  sockets[0]?.say(frame(event(4)));
  expect(heard).toEqual([4]);
  expect(feed.state).toBe("late");
  sockets[0]?.say(late(false));
  expect(feed.state).toBe("live");
  sockets[0]?.say(late(true));
  sockets[0]?.close();
  expect(feed.state).toBe("connecting");
  const second = await untilNextSocket(sockets, 2);
  second.open();
  expect(feed.state).toBe("live");
  second.say(late(true));
  leave();
  expect(feed.state).toBe("live");
});

test("a stream tells of being late as a socket does", async () => {
  const { feed, sockets, streams } = house();
  sockets[0]?.close();
  (await untilNextSocket(sockets, 2)).close();
  await vi.advanceTimersByTimeAsync(0);
  streams[0]?.open();
  expect(feed.state).toBe("events");
  streams[0]?.say(JSON.stringify({ topic: "instance:i", late: true }));
  expect(feed.state).toBe("late");
  (await untilNextSocket(sockets, 3)).close();
  expect(feed.state).toBe("late");
  streams[0]?.say(JSON.stringify({ topic: "instance:i", late: false }));
  expect(feed.state).toBe("events");
});

test("what one line told of being late does not stick to the next", async () => {
  const { feed, sockets, streams } = house();
  const leave = feed.follow("other", 0, { onEvents: () => undefined, onProgress: () => undefined });
  sockets[0]?.open();
  sockets[0]?.say(JSON.stringify({ topic: "instance:other", late: true }));
  sockets[0]?.close();
  (await untilNextSocket(sockets, 2)).close();
  await vi.advanceTimersByTimeAsync(0);
  streams[0]?.open();
  streams[0]?.say(JSON.stringify({ topic: "instance:i", late: false }));
  expect(feed.state).toBe("events");
  leave();
});

test("after a break the feed goes on behind the last event and tells none twice", async () => {
  const { sockets, heard } = house();
  sockets[0]?.open();
  sockets[0]?.say(frame(event(4)));
  sockets[0]?.close();
  const second = await untilNextSocket(sockets, 2);
  second.open();
  expect(second.sent).toEqual([{ subscribe: "instance:i", after: 4 }]);
  second.say(frame(event(4), event(5)));
  expect(heard).toEqual([4, 5]);
});

test("where no socket gets through, events come as a stream, and the socket is tried again", async () => {
  const { feed, sockets, streams, heard } = house();
  sockets[0]?.close();
  (await untilNextSocket(sockets, 2)).close();
  await vi.advanceTimersByTimeAsync(0);
  expect(streams[0]?.after).toBe(3);
  streams[0]?.open();
  expect(feed.state).toBe("events");
  streams[0]?.say(frame(event(4)));
  expect(heard).toEqual([4]);
  (await untilNextSocket(sockets, 3)).open();
  expect(feed.state).toBe("live");
  expect(streams[0]?.isClosed).toBe(true);
});

test("where not even a stream gets through, the page asks", async () => {
  const { feed, sockets, streams, asked, answers, heard } = house();
  answers.push([event(4)], [event(5)]);
  sockets[0]?.close();
  (await untilNextSocket(sockets, 2)).close();
  await vi.advanceTimersByTimeAsync(0);
  streams[0]?.onerror?.();
  await vi.advanceTimersByTimeAsync(0);
  expect(feed.state).toBe("polling");
  await vi.advanceTimersByTimeAsync(2_000);
  expect(heard).toEqual([4, 5]);
  expect(asked.slice(0, 2)).toEqual([3, 4]);
});

test("a box that does not answer is not said to be asked every two seconds", async () => {
  const { feed, sockets, streams, answers, heard } = house();
  const dead = new Problem({ status: 503, detail: "no" });
  answers.push(new TypeError("fetch failed"), dead, [event(4)], new Problem({ status: 403, detail: "no" }));
  sockets[0]?.close();
  (await untilNextSocket(sockets, 2)).close();
  await vi.advanceTimersByTimeAsync(0);
  expect(feed.state).toBe("connecting");
  streams[0]?.onerror?.();
  for (const state of ["silent", "silent", "polling", "polling"]) {
    await vi.advanceTimersByTimeAsync(0);
    expect(feed.state).toBe(state);
    await vi.advanceTimersByTimeAsync(2_000);
  }
  expect(heard).toEqual([4]);
});

test("an answer that comes after the socket is open changes nothing", async () => {
  const { feed, sockets, streams, answers } = house();
  let fail = (): void => undefined;
  answers.push(new Promise<LiveEvent[]>((_, refuse) => (fail = () => refuse(new TypeError("fetch failed")))));
  sockets[0]?.close();
  (await untilNextSocket(sockets, 2)).close();
  await vi.advanceTimersByTimeAsync(0);
  streams[0]?.onerror?.();
  (await untilNextSocket(sockets, 3)).open();
  fail();
  await vi.advanceTimersByTimeAsync(0);
  expect(feed.state).toBe("live");
});

test("a socket that never answers counts as refused", async () => {
  const { sockets } = house();
  await vi.advanceTimersByTimeAsync(7_000);
  expect(sockets.length).toBeGreaterThan(1);
});

test("losing the network is said at once, and its return is not waited for", () => {
  const { feed, sockets } = house();
  sockets[0]?.open();
  feed.goOffline();
  expect(feed.state).toBe("offline");
  feed.goOnline();
  expect(sockets.length).toBe(2);
  sockets[1]?.open();
  expect(feed.state).toBe("live");
});

test("nothing stays open when nobody follows any more", async () => {
  const { sockets, leave } = house();
  sockets[0]?.open();
  leave();
  await vi.advanceTimersByTimeAsync(2_000);
  expect(sockets[0]?.isClosed).toBe(true);
  expect(sockets.length).toBe(1);
});

test("a line that falls silent is given up for a new one", async () => {
  const { feed, sockets } = house();
  sockets[0]?.open();
  await vi.advanceTimersByTimeAsync(30_000);
  sockets[0]?.say('{"ping": true}');
  await vi.advanceTimersByTimeAsync(30_000);
  expect(feed.state).toBe("live");
  await vi.advanceTimersByTimeAsync(11_000);
  expect(sockets[0]?.isClosed).toBe(true);
  (await untilNextSocket(sockets, 2)).open();
  expect(feed.state).toBe("live");
});

test("a topic that is refused for now is asked for again, one that is not there is not", async () => {
  const { sockets } = house();
  sockets[0]?.open();
  const refusal = (status: number): string => JSON.stringify({ topic: "instance:i", refused: { status, detail: "" } });
  sockets[0]?.say(refusal(503));
  await vi.advanceTimersByTimeAsync(4_000);
  expect(sockets[0]?.sent.length).toBe(2);
  sockets[0]?.say(refusal(404));
  await vi.advanceTimersByTimeAsync(4_000);
  expect(sockets[0]?.sent.length).toBe(2);
});

test("a list overhears that something moved, before and after a break", async () => {
  const { feed, sockets } = house();
  let moved = 0;
  feed.overhear(() => (moved += 1));
  sockets[0]?.open();
  expect(sockets[0]?.sent).toContainEqual({ subscribe: "instances" });
  sockets[0]?.say(JSON.stringify({ topic: "instances", events: [{}] }));
  sockets[0]?.close();
  (await untilNextSocket(sockets, 2)).open();
  sockets[1]?.say(JSON.stringify({ topic: "instances", events: [{}] }));
  expect(moved).toBe(2);
});

test("pauses double up to ten seconds", () => {
  expect([1, 2, 3, 10].map((failures) => backoff_ms(failures, () => 0.5))).toEqual([400, 800, 1600, 10_000]);
});

test("progress is read and anything unknown is passed over", () => {
  const progress = {
    step_id: "s",
    data: { progress_fraction: 0.5, progress_message: "half", logs: [{ id: 1 }, null] },
  };
  const [message] = parseLive(JSON.stringify({ topic: "instance:i", progress }));
  expect(message).toMatchObject({
    kind: "progress",
    progress: { step_id: "s", progress_fraction: 0.5, logs: [{ id: 1 }] },
  });
  for (const noise of ["", "{", "[]", '{"topic": 7}', '{"topic": "weather"}', null])
    expect(parseLive(noise)).toEqual([]);
});

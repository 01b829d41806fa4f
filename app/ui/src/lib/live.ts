/**
 * Follows instances while they run: over one WebSocket; where none gets through, over server-sent events;
 * where those do not either, by asking every two seconds. Events are numbered, so after any gap the feed
 * goes on behind the last one seen, and the page hears each event once and in order.
 */
import { ALL_INSTANCES, backoff_ms, parseLive, type LiveEvent, type LiveProgress } from "@/lib/live-protocol";
import { asProblem, isSilence } from "@/lib/problem";

/** How the page hears of changes: shown to the person, because a slower way looks like a slower box. */
export type LiveState = "connecting" | "live" | "late" | "events" | "polling" | "silent" | "offline";

export type Listener = {
  onEvents: (events: readonly LiveEvent[]) => void;
  onProgress: (progress: LiveProgress) => void;
};

type Topic = { id: string; after: number; listeners: Set<Listener>; stream: EventSource | null; isPolling: boolean };

/** What the feed needs of its surroundings; tests bring their own. */
export type LiveWorld = {
  openSocket: () => WebSocket;
  openStream: (id: string, after: number) => EventSource;
  /** Events after a number; also the last resort when nothing can be kept open. */
  ask: (id: string, after: number) => Promise<readonly LiveEvent[]>;
  /** Renews the session; a refused socket looks like a broken one to a script. */
  renew: () => Promise<boolean>;
};

/** `WebSocket.OPEN`, which only browsers know. */
const OPEN = 1;
const POLL_MS = 2_000;
/** The server speaks at least every 15 s; a line silent for longer is dead, whatever the browser believes. */
const SILENCE_MS = 40_000;
/** How long a refused topic waits before it is asked for again. */
const REFUSED_MS = 3_000;
/** A socket that does not come up in this time counts as refused; some proxies never answer. */
const PATIENCE_MS = 6_000;
/** This many sockets in a row must fail before the page falls back. */
const FAILURES = 2;
/** A topic left and entered again at once (a page change) keeps its connection. */
const LINGER_MS = 1_500;

export class LiveFeed {
  #world: LiveWorld;
  #topics = new Map<string, Topic>();
  #overhearers = new Set<() => void>();
  #socket: WebSocket | null = null;
  #late = new Set<string>();
  #failures = 0;
  #retry: ReturnType<typeof setTimeout> | null = null;
  #patience: ReturnType<typeof setTimeout> | null = null;
  #poll: ReturnType<typeof setInterval> | null = null;
  #linger: ReturnType<typeof setTimeout> | null = null;
  #silence: ReturnType<typeof setTimeout> | null = null;
  #state: LiveState = "connecting";
  #watchers = new Set<() => void>();

  constructor(world: LiveWorld) {
    this.#world = world;
  }

  get state(): LiveState {
    return this.#state;
  }

  /** Tells when `state` changes; returns how to stop. */
  watch = (watcher: () => void): (() => void) => {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  };

  /** Follows an instance from behind event `after`; returns how to stop. */
  follow(id: string, after: number, listener: Listener): () => void {
    let topic = this.#topics.get(id);
    if (topic === undefined) {
      topic = { id, after, listeners: new Set(), stream: null, isPolling: false };
      this.#topics.set(id, topic);
    }
    topic.listeners.add(listener);
    this.#stay();
    if (this.#socket?.readyState === OPEN) this.#subscribe(topic);
    else if (this.#socket === null && this.#retry === null) this.#connect();
    else if (this.#failures >= FAILURES) this.#fallBack(topic);
    return () => this.#leave(id, listener);
  }

  /** Hears that some instance has moved, while a socket is open; whoever needs to be sure asks as well. */
  overhear(listener: () => void): () => void {
    this.#overhearers.add(listener);
    this.#stay();
    if (this.#socket?.readyState === OPEN) this.#send({ subscribe: ALL_INSTANCES });
    else if (this.#socket === null && this.#retry === null) this.#connect();
    return () => {
      this.#overhearers.delete(listener);
      if (this.#overhearers.size > 0) return;
      this.#send({ unsubscribe: ALL_INSTANCES });
      this.#restSoon();
    };
  }

  /** The network went away: say so at once instead of waiting for a timeout. */
  goOffline(): void {
    this.#stopTimers();
    this.#closeSocket();
    this.#stopFallback();
    this.#set("offline");
  }

  /** The network is back: do not wait for the next turn. */
  goOnline(): void {
    if (!this.#isWanted() || this.#socket?.readyState === OPEN) return;
    this.#stopTimers();
    this.#failures = 0;
    this.#closeSocket();
    this.#connect();
  }

  #set(state: LiveState): void {
    if (state === this.#state) return;
    this.#state = state;
    for (const watcher of this.#watchers) watcher();
  }

  #leave(id: string, listener: Listener): void {
    const topic = this.#topics.get(id);
    topic?.listeners.delete(listener);
    if (topic === undefined || topic.listeners.size > 0) return;
    topic.stream?.close();
    this.#topics.delete(id);
    this.#hearLate(id, false);
    this.#send({ unsubscribe: `instance:${id}` });
    this.#restSoon();
  }

  #isWanted(): boolean {
    return this.#topics.size > 0 || this.#overhearers.size > 0;
  }

  #stay(): void {
    if (this.#linger !== null) clearTimeout(this.#linger);
    this.#linger = null;
  }

  #restSoon(): void {
    this.#stay();
    if (!this.#isWanted()) this.#linger = setTimeout(() => this.#rest(), LINGER_MS);
  }

  #send(message: object): void {
    if (this.#socket?.readyState === OPEN) this.#socket.send(JSON.stringify(message));
  }

  /** Nobody follows anything: hold nothing open. */
  #rest(): void {
    this.#stopTimers();
    this.#closeSocket();
    this.#stopFallback();
    this.#failures = 0;
    this.#set("connecting");
  }

  #subscribe(topic: Topic): void {
    this.#send({ subscribe: `instance:${topic.id}`, after: topic.after });
  }

  #connect(): void {
    const socket = this.#world.openSocket();
    this.#socket = socket;
    this.#patience = setTimeout(() => socket.close(), PATIENCE_MS);
    socket.onopen = () => {
      this.#stopTimers();
      this.#failures = 0;
      this.#stopFallback();
      this.#late.clear();
      this.#set("live");
      this.#listenFor(socket);
      for (const topic of this.#topics.values()) this.#subscribe(topic);
      if (this.#overhearers.size > 0) this.#send({ subscribe: ALL_INSTANCES });
    };
    socket.onmessage = (message: MessageEvent<unknown>) => {
      this.#listenFor(socket);
      this.#hear(message.data);
    };
    socket.onclose = () => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      this.#stopTimers();
      void this.#tryAgain();
    };
  }

  #listenFor(socket: WebSocket): void {
    if (this.#silence !== null) clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      // `onclose` of a dead line comes late: go on without waiting for it.
      socket.onclose = null;
      socket.close();
      if (this.#socket !== socket) return;
      this.#socket = null;
      void this.#tryAgain();
    }, SILENCE_MS);
  }

  async #tryAgain(): Promise<void> {
    if (!this.#isWanted() || this.#state === "offline") return;
    this.#failures += 1;
    if (!this.#hasFallback()) {
      this.#late.clear();
      if (this.#isKept()) this.#set("connecting");
    }
    if (this.#failures >= FAILURES) for (const topic of this.#topics.values()) this.#fallBack(topic);
    if (this.#failures === 1) await this.#world.renew().catch(() => false);
    if (!this.#isWanted() || this.#socket !== null || this.#retry !== null) return;
    this.#retry = setTimeout(() => {
      this.#retry = null;
      if (this.#isWanted()) this.#connect();
    }, backoff_ms(this.#failures));
  }

  #fallBack(topic: Topic): void {
    if (topic.stream !== null || topic.isPolling) return;
    const stream = this.#world.openStream(topic.id, topic.after);
    topic.stream = stream;
    const giveUp = (): void => {
      if (topic.stream !== stream) return;
      stream.close();
      topic.stream = null;
      topic.isPolling = true;
      this.#late.delete(topic.id);
      this.#startPolling();
    };
    const timer = setTimeout(giveUp, PATIENCE_MS);
    stream.onopen = () => {
      clearTimeout(timer);
      if (topic.stream === stream && !this.#isKept()) this.#set("events");
    };
    stream.onmessage = (message: MessageEvent<unknown>) => this.#hear(message.data);
    // A stream that is merely interrupted opens itself again from its `after`, which is old by then.
    stream.onerror = giveUp;
  }

  #startPolling(): void {
    if (this.#poll !== null) return;
    this.#poll = setInterval(() => void this.#askAll(), POLL_MS);
    void this.#askAll();
  }

  async #askAll(): Promise<void> {
    for (const topic of this.#topics.values()) {
      if (!topic.isPolling) continue;
      try {
        const events = await this.#world.ask(topic.id, topic.after);
        this.#hasAsked("polling");
        this.#tell(topic, events);
      } catch (error) {
        // The next turn asks again.
        this.#hasAsked(isSilence(asProblem(error)) ? "silent" : "polling");
      }
    }
  }

  /** How asking went, if the page still lives by it: a better way may be open by now. */
  #hasAsked(state: LiveState): void {
    if (this.#poll !== null) this.#set(state);
  }

  #hear(data: unknown): void {
    const messages = parseLive(data);
    if (messages.some((message) => message.kind === "moved")) for (const overhear of this.#overhearers) overhear();
    const events = messages.flatMap((message) => (message.kind === "event" ? [message] : []));
    const topic = events[0] && this.#topics.get(events[0].instance);
    if (topic)
      this.#tell(
        topic,
        events.map((message) => message.event),
      );
    for (const message of messages) {
      if (message.kind === "progress")
        this.#topics.get(message.instance)?.listeners.forEach((one) => one.onProgress(message.progress));
      else if (message.kind === "late") this.#hearLate(message.instance, message.isLate);
      else if (message.kind === "refused" && message.status !== 404) this.#askLater(message.instance);
    }
  }

  /** The line stands, but what comes over it may come late. */
  #hearLate(id: string, isLate: boolean): void {
    if (isLate) this.#late.add(id);
    else this.#late.delete(id);
    if (!this.#isKept() && this.#state !== "events") return;
    const prompt = this.#socket?.readyState === OPEN ? "live" : "events";
    this.#set(this.#late.size > 0 ? "late" : prompt);
  }

  /** Whether events come in another way than over the socket. */
  #hasFallback(): boolean {
    return [...this.#topics.values()].some((topic) => topic.stream !== null || topic.isPolling);
  }

  /** Whether something is held open that is not to be told as less. */
  #isKept(): boolean {
    return this.#state === "live" || this.#state === "late";
  }

  #askLater(id: string): void {
    setTimeout(() => {
      const topic = this.#topics.get(id);
      if (topic !== undefined) this.#subscribe(topic);
    }, REFUSED_MS);
  }

  #tell(topic: Topic, events: readonly LiveEvent[]): void {
    const fresh = events.filter((event) => event.seq > topic.after);
    const last = fresh.at(-1);
    if (last === undefined) return;
    topic.after = last.seq;
    for (const listener of topic.listeners) listener.onEvents(fresh);
  }

  #closeSocket(): void {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #stopFallback(): void {
    if (this.#poll !== null) clearInterval(this.#poll);
    this.#poll = null;
    for (const topic of this.#topics.values()) {
      topic.stream?.close();
      topic.stream = null;
      topic.isPolling = false;
    }
  }

  #stopTimers(): void {
    if (this.#retry !== null) clearTimeout(this.#retry);
    if (this.#patience !== null) clearTimeout(this.#patience);
    if (this.#silence !== null) clearTimeout(this.#silence);
    this.#retry = null;
    this.#patience = null;
    this.#silence = null;
  }
}

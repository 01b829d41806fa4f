/** The shapes of the API under the names of the house. */

export type Role = "owner" | "admin" | "editor" | "operator" | "viewer";
export type InstanceStatus = "pending" | "running" | "waiting" | "completed" | "failed" | "cancelled";
export type StepStatus = "pending" | "queued" | "running" | "waiting" | "completed" | "failed" | "skipped" | "cancelled";

export type Me = {
  user: { id: string; email: string; name: string; is_super_admin: boolean };
  organization: { id: string; name: string; slug: string };
  role: Role;
};

export type List<T> = { items: T[]; next_cursor: string | null };

export type WorkflowSummary = {
  id: string;
  name: string;
  description: string;
  version: number;
  is_sample: boolean;
  created_at: string;
  updated_at: string;
};
export type Workflow = WorkflowSummary & { definition: unknown };
export type VersionSummary = { id: string; number: number; note: string; created_at: string };
export type Version = VersionSummary & { definition: unknown };

export type Failure = { class: string; message: string; remedy?: string | null; step?: string | null };

export type LogLine = { id: number; level: string; message: string; at: string };

export type Instance = {
  id: string;
  number: number;
  workflow_id: string;
  workflow_name: string;
  version: number;
  status: InstanceStatus;
  reason: string | null;
  inputs: Record<string, unknown>;
  outputs: Record<string, unknown> | null;
  error: Failure | null;
  created_at: string;
  started_at: string | null;
  ended_at: string | null;
};

export type Step = {
  id: string;
  node_id: string;
  path: number[];
  parent_id: string | null;
  kind: string;
  lane: string;
  status: StepStatus;
  reason: string | null;
  outputs: Record<string, unknown> | null;
  error: Failure | null;
  items: { total: number; done: number; failed: number } | null;
  attempts_used: number;
  progress_fraction: number | null;
  progress_message: string | null;
  created_at: string;
  started_at: string | null;
  ended_at: string | null;
};

export type Asset = {
  id: string;
  name: string;
  mime: string;
  kind: "image" | "video" | "audio" | "file";
  size_bytes: number;
  sha256: string;
  width: number | null;
  height: number | null;
  duration_s: number | null;
  source: "upload" | "step" | "sample";
  created_at: string;
};

export type StepType = { kind: string; title: string; summary: string; category: string; lane: string; hidden: boolean };

export type Health = { status: string; checks: Record<string, { status: string; detail?: string | null }> };

export type Gpu = {
  index: number;
  name: string;
  memory_total_bytes: number;
  memory_used_bytes: number;
  utilization_percent: number | null;
  temperature_c: number | null;
};

export type Worker = {
  id: string;
  name: string;
  host: string;
  version: string;
  lanes: { lane: string; slots: number }[];
  gpus: Gpu[];
  status: { memory_used_bytes?: number | null; resident_models?: string[] } | null;
  last_seen_at: string;
  left_at: string | null;
};

/** The shapes of the API under the names of the house. */
import type { components } from "@/lib/api.gen";

type Schemas = components["schemas"];

export type Role = Schemas["Role"];
export type Me = Schemas["Me"];
export type WorkflowSummary = Schemas["WorkflowSummary"];
export type Workflow = Schemas["WorkflowView"];
export type Definition = Workflow["definition"];
export type VersionSummary = Schemas["VersionSummary"];
export type Asset = Schemas["AssetView"];
export type StepType = Schemas["StepSpec"];
export type Worker = Schemas["WorkerView"];
export type Gpu = Schemas["Gpu"];
export type LaneFacts = Schemas["LaneFacts"];
export type FullHealth = Schemas["FullHealth"];
export type HealthStatus = FullHealth["status"];
export type List<T> = { items: T[]; next_cursor: string | null };
export type InstanceStatus = "pending" | "running" | "waiting" | "completed" | "failed" | "cancelled";
export type StepStatus = "pending" | "queued" | "running" | "waiting" | "completed" | "failed" | "skipped" | "cancelled";

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

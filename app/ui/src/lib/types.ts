/** The shapes of the API under the names of the house; one that a single feature needs may stand in its folder. */
import type { components } from "@/lib/api.gen";

type Schemas = components["schemas"];

export type Role = Schemas["Role"];
export type Me = Schemas["Me"];
export type WorkflowSummary = Schemas["WorkflowSummary"];
export type Workflow = Schemas["WorkflowView"];
export type Definition = Workflow["definition"];
export type VersionSummary = Schemas["VersionSummary"];
export type Difference = Schemas["Difference"];
export type DifferencePart = Schemas["Part"];
export type DifferenceChange = Schemas["Change"];
export type Asset = Schemas["AssetView"];
export type StepType = Schemas["StepSpec"];
export type Port = Schemas["PortSpec"];
export type Worker = Schemas["WorkerView"];
export type Gpu = Schemas["Gpu"];
export type LaneFacts = Schemas["LaneFacts"];
export type FullHealth = Schemas["FullHealth"];
export type HealthStatus = FullHealth["status"];
export type InstanceStatus = Schemas["InstanceStatus"];
export type StepStatus = Schemas["StepStatus"];
export type Instance = Schemas["InstanceView"];
export type Step = Schemas["StepView"];
export type Rerun = Schemas["Rerun"];
export type Attempt = Schemas["AttemptView"];
export type LogLine = Schemas["LogLineView"];
export type Schedule = Schemas["ScheduleView"];
export type Timing = Schedule["timing"];
export type ScheduleRun = Schemas["RunView"];
export type Webhook = Schemas["WebhookView"];
export type WebhookShown = Schemas["WebhookShown"];
export type WebhookAuth = Webhook["auth"];
export type Delivery = Schemas["DeliveryView"];
export type DeliveryDetail = Schemas["DeliveryDetail"];
export type Approval = Schemas["ApprovalView"];
export type Wait = Schemas["WaitView"];

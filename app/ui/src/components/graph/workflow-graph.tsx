/** A workflow as a picture: read-only, in the document's own layout, with live states where there are any. */
import "@xyflow/react/dist/style.css";

import {
  Background,
  BackgroundVariant,
  Controls,
  Handle,
  MarkerType,
  Position,
  ReactFlow,
  type Edge,
  type Node,
  type NodeProps,
} from "@xyflow/react";
import { GitFork, Repeat, StickyNote } from "lucide-react";
import { useMemo } from "react";

import { StatusIcon, statusWord } from "@/components/status";
import { cn } from "@/lib/cn";
import type { GraphNode } from "@/lib/definition";
import { readGraph } from "@/lib/definition";
import { NODE_HEIGHT, NODE_WIDTH, place, type Direction } from "@/lib/layout";
import { t } from "@/lib/messages";
import { useTheme } from "@/lib/theme";

type StepNode = Node<{ node: GraphNode; title: string; status: string | null; direction: Direction }, "step">;

const RING: Record<string, string> = {
  running: "border-running ring-3 ring-running/15",
  completed: "border-completed/60",
  failed: "border-failed ring-3 ring-failed/15",
  waiting: "border-waiting",
};

function StepCard({ data }: NodeProps<StepNode>) {
  const { node, title, status, direction } = data;
  return (
    <div
      style={{ width: NODE_WIDTH, height: NODE_HEIGHT }}
      className={cn(
        "flex items-center gap-2.5 rounded-lg border border-border-strong bg-surface px-3 text-left shadow-card transition-colors dark:bg-raised",
        status !== null && RING[status],
        (node.mode === "skip" || status === "skipped") && "border-dashed opacity-60",
      )}
    >
      <Handle
        type="target"
        position={direction === "right" ? Position.Left : Position.Top}
        isConnectable={false}
        className="!opacity-0"
      />
      {status === null ? null : <StatusIcon status={status} isSilent />}
      <div className="min-w-0 flex-1">
        <div className="truncate text-[13px] font-semibold">{node.name ?? node.id}</div>
        <div className="truncate text-xs text-soft">{title}</div>
      </div>
      <div className="flex gap-1 text-faint">
        {node.isFannedOut ? <Repeat className="size-3.5" role="img" aria-label={t("graph.each")} /> : null}
        {node.isConditional ? <GitFork className="size-3.5" role="img" aria-label={t("graph.when")} /> : null}
        {node.note ? <StickyNote className="size-3.5" role="img" aria-label={node.note} /> : null}
      </div>
      <Handle
        type="source"
        position={direction === "right" ? Position.Right : Position.Bottom}
        isConnectable={false}
        className="!opacity-0"
      />
    </div>
  );
}

const NODE_TYPES = { step: StepCard };

type GraphProps = {
  definition: unknown;
  /** Step states by node id, while an instance runs. */
  statuses?: ReadonlyMap<string, string>;
  /** Titles of step types by kind. */
  titles?: ReadonlyMap<string, string>;
  onOpen?: (node: string) => void;
  direction?: Direction;
  className?: string;
};

export default function WorkflowGraph({
  definition,
  statuses,
  titles,
  onOpen,
  direction = "right",
  className,
}: GraphProps) {
  const { isDark } = useTheme();
  const graph = useMemo(() => {
    const { nodes, edges } = readGraph(definition);
    return { nodes, edges, places: place(nodes, edges, direction) };
  }, [definition, direction]);
  const nodes = graph.nodes.map((node): StepNode => {
    const status = statuses?.get(node.id) ?? null;
    const title = titles?.get(node.type) ?? node.type;
    return {
      id: node.id,
      type: "step",
      position: graph.places.get(node.id) ?? { x: 0, y: 0 },
      data: { node, title, status, direction },
      ariaLabel: [node.name ?? node.id, title, ...(status === null ? [] : [statusWord(status)])].join(", "),
      focusable: true,
    };
  });
  const edges = graph.edges.map((edge): Edge => ({
    id: `${edge.from}→${edge.to}`,
    source: edge.from,
    target: edge.to,
    animated: statuses?.get(edge.to) === "running",
    style: { stroke: "var(--control)" },
    markerEnd: { type: MarkerType.ArrowClosed, width: 16, height: 16, color: "var(--control)" },
    focusable: false,
  }));
  return (
    <div
      className={cn("h-96 overflow-hidden rounded-xl border border-border bg-sunken", className)}
      role="group"
      aria-label={t("graph.label")}
    >
      <ReactFlow<StepNode>
        nodes={nodes}
        edges={edges}
        nodeTypes={NODE_TYPES}
        colorMode={isDark ? "dark" : "light"}
        fitView
        fitViewOptions={{ padding: 0.14, maxZoom: 1 }}
        minZoom={0.2}
        maxZoom={1.6}
        nodesDraggable={false}
        nodesConnectable={false}
        elementsSelectable={onOpen !== undefined}
        preventScrolling={false}
        zoomOnScroll={false}
        onNodeClick={(_, node) => onOpen?.(node.id)}
        proOptions={{ hideAttribution: true }}
      >
        <Background variant={BackgroundVariant.Dots} gap={18} size={1.2} bgColor="transparent" />
        {direction === "right" ? (
          <Controls showInteractive={false} className="overflow-hidden rounded-md shadow-card" />
        ) : null}
      </ReactFlow>
    </div>
  );
}

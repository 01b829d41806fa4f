/** Where the nodes of a graph stand: where the document puts them, else in layers from left to right. */
import { graphlib, layout } from "@dagrejs/dagre";

import type { GraphEdge, GraphNode } from "@/lib/definition";

export const NODE_WIDTH = 208;
export const NODE_HEIGHT = 64;

/** `right`: as the document has it, for a wide page. `down`: in layers under one another, for a narrow column. */
export type Direction = "right" | "down";

/** Top-left corners by node id. A document that places only some of its nodes is laid out anew. */
export function place(
  nodes: readonly GraphNode[],
  edges: readonly GraphEdge[],
  direction: Direction,
): Map<string, { x: number; y: number }> {
  if (direction === "right" && nodes.every((node) => node.at !== null)) {
    return new Map(nodes.map((node) => [node.id, node.at ?? { x: 0, y: 0 }]));
  }
  const graph = new graphlib.Graph();
  graph.setGraph(
    direction === "right" ? { rankdir: "LR", nodesep: 28, ranksep: 72 } : { rankdir: "TB", nodesep: 20, ranksep: 34 },
  );
  graph.setDefaultEdgeLabel(() => ({}));
  for (const node of nodes) graph.setNode(node.id, { width: NODE_WIDTH, height: NODE_HEIGHT });
  for (const edge of edges) graph.setEdge(edge.from, edge.to);
  layout(graph);
  return new Map(
    nodes.map((node) => {
      const centre = graph.node(node.id) as { x: number; y: number };
      return [node.id, { x: centre.x - NODE_WIDTH / 2, y: centre.y - NODE_HEIGHT / 2 }];
    }),
  );
}

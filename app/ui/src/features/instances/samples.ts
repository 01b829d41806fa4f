/** Files that a sample workflow brings along, for inputs that nobody has filled. */
import { queryOptions } from "@tanstack/react-query";

import { api, take } from "@/lib/api";
import type { AssetFacts } from "@/lib/asset-entry";
import type { InputSpec } from "@/lib/definition";
import { filePort, isList } from "@/lib/run-values";
import type { Asset } from "@/lib/types";

type Samples = Record<string, AssetFacts | AssetFacts[]>;

const SAMPLES = 12;
const factsOf = ({ id, name, mime, size_bytes }: Asset): AssetFacts => ({ asset: id, name, mime, size_bytes });

/** By the names of the inputs; an input for whose kind there is no sample is left out. */
export async function samplesFor(specs: readonly InputSpec[], signal?: AbortSignal): Promise<Samples> {
  const samples: Samples = {};
  for (const spec of specs) {
    const port = filePort(spec);
    if (port === null) continue;
    const query = { source: ["sample" as const], kind: port === "file" ? null : port, limit: SAMPLES };
    const { items } = await take(api.GET("/api/v1/assets", { params: { query }, signal }));
    // Their names begin with their place in the story.
    const files = items.toSorted((one, other) => one.name.localeCompare(other.name)).map(factsOf);
    if (files[0]) samples[spec.name] = isList(spec) ? files.slice(0, spec.max ?? SAMPLES) : files[0];
  }
  return samples;
}

export const samplesQuery = (workflowId: string, specs: readonly InputSpec[]) =>
  queryOptions({
    queryKey: ["assets", "samples", workflowId, specs.map(({ name, type }) => [name, type])],
    queryFn: ({ signal }) => samplesFor(specs, signal),
  });

/** How forms anywhere in the house gather files: the house brings the field, features do not know each other. */
import { createContext, use, type ReactNode } from "react";

import type { AssetFieldProps } from "@/lib/asset-entry";

type RenderAssets = (props: AssetFieldProps) => ReactNode;

export const AssetFields = createContext<RenderAssets>(() => null);

export const useAssetFields = (): RenderAssets => use(AssetFields);

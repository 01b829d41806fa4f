/**
 * The house rules of the UI: floors (lib, then components, then features, then app), features that do
 * not know each other, and no text outside the message catalogue. All of them go by glob, so a new
 * feature folder needs no edit here.
 */
import js from "@eslint/js";
import jsxA11y from "eslint-plugin-jsx-a11y";
import reactHooks from "eslint-plugin-react-hooks";
import globals from "globals";
import tseslint from "typescript-eslint";

/** @param {...{ regex: string, message: string }} patterns */
const refuse = (...patterns) => ({ "no-restricted-imports": ["error", { patterns }] });

const NO_APP = { regex: "^@/app(/|$)", message: "Imports only go down: app is the top floor." };
const NO_FEATURE = { regex: "^@/features(/|$)", message: "Features do not know each other; compose them in src/app." };
const NO_COMPONENTS = { regex: "^@/components(/|$)", message: "Imports only go down: lib stands below components." };
const NO_CLIMBING = {
  regex: "^\\.\\./",
  message: "Leave the folder through '@/…', so that the floors can be checked.",
};

export default tseslint.config(
  { ignores: ["dist", "src/lib/api.gen.ts"] },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  jsxA11y.flatConfigs.strict,
  reactHooks.configs.flat["recommended-latest"],
  {
    languageOptions: {
      globals: globals.browser,
      parserOptions: {
        projectService: { allowDefaultProject: ["eslint.config.js", "public/theme.js"] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/no-misused-promises": ["error", { checksVoidReturn: { attributes: false } }],
      // The router's redirects and not-found answers are thrown objects by design.
      "@typescript-eslint/only-throw-error": "off",
      "no-console": "error",
    },
  },
  {
    files: ["src/**/*.{ts,tsx}"],
    rules: {
      "no-restricted-syntax": [
        "error",
        {
          selector: "JSXText[value=/\\p{L}/u]",
          message: "Texts live in a messages.ts: of the feature, or of src/lib.",
        },
        {
          selector:
            "JSXAttribute[name.name=/^(aria-label|aria-description|placeholder|title|alt|label)$/] > Literal[value=/\\p{L}/u]",
          message: "Texts live in a messages.ts: of the feature, or of src/lib.",
        },
      ],
    },
  },
  { files: ["src/lib/**"], rules: refuse(NO_APP, NO_FEATURE, NO_COMPONENTS, NO_CLIMBING) },
  { files: ["src/components/**"], rules: refuse(NO_APP, NO_FEATURE, NO_CLIMBING) },
  { files: ["src/features/**"], rules: refuse(NO_APP, NO_FEATURE, NO_CLIMBING) },
  { files: ["src/app/**"], rules: refuse(NO_CLIMBING) },
  {
    files: ["**/*.{js,mjs}"],
    ...tseslint.configs.disableTypeChecked,
    languageOptions: { globals: { ...globals.node, ...globals.browser } },
  },
);

import { expect, test } from "vitest";

import { asProblem, problemFrom } from "@/lib/problem";

test("problem details become a sentence, a remedy and complaints with their places", () => {
  const problem = problemFrom(
    422,
    JSON.stringify({
      title: "Invalid",
      detail: "This workflow has mistakes.",
      remedy: "Mend them.",
      complaints: [
        { node: "film", field: "with.title", column: 4, message: "No input “titel”." },
        { message: 7 },
        null,
      ],
    }),
  );
  expect(problem).toMatchObject({ status: 422, message: "This workflow has mistakes.", remedy: "Mend them." });
  expect(problem.complaints).toEqual([{ node: "film", field: "with.title", column: 4, message: "No input “titel”." }]);
});

test("a proxy's page instead of our answer still gives a sentence", () => {
  expect(problemFrom(502, "<html>Bad gateway</html>").message).toBe("Studio answered with status 502.");
});

test("silence of the network is named as such", () => {
  expect(asProblem(new TypeError("Failed to fetch"))).toMatchObject({ status: 0, message: "Studio does not answer." });
});

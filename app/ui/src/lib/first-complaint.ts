/** Takes the person to the first field that was refused, once it is marked. */
import { useEffect, type RefObject } from "react";

/**
 * `refusal`: what the server said, nothing while it said nothing. `tries`: counts the submits that the form
 * itself refused. In effects, because the marks are only there once the refusal has been drawn.
 */
export function useFirstComplaint(form: RefObject<HTMLElement | null>, refusal: unknown, tries: number): void {
  useEffect(() => {
    if (refusal) show(form.current);
  }, [form, refusal]);
  useEffect(() => {
    if (tries > 0) show(form.current);
  }, [form, tries]);
}

function show(form: HTMLElement | null): void {
  const field = form?.querySelector<HTMLElement>('[aria-invalid="true"]');
  field?.focus();
  // With its complaint, which stands below it.
  field?.scrollIntoView({ block: "center" });
}

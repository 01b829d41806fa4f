"""What the expression language itself brings: CEL's own functions and macros, documented.

They are not found but told here, for the library cannot list them; the examples hold each to being there.
Source: https://github.com/google/cel-spec/blob/master/doc/langdef.md
"""

from app.flow.library import Example, Function, built_in

LISTS: tuple[Function, ...] = (
    built_in(
        "map",
        "list.map(name, expression) → any[]",
        "For each item",
        "A list of what the expression gives for each item; the name stands for the item.",
        Example("[1, 2].map(n, n * 10)", [10, 20]),
    ),
    built_in(
        "filter",
        "list.filter(name, condition) → any[]",
        "Only those",
        "The items for which the condition holds.",
        Example("[1, 2, 3].filter(n, n > 1)", [2, 3]),
    ),
    built_in(
        "all",
        "list.all(name, condition) → boolean",
        "All of them",
        "Whether the condition holds for every item; true for an empty list.",
        Example("[1, 2].all(n, n > 1)", False),
    ),
    built_in(
        "exists",
        "list.exists(name, condition) → boolean",
        "Any of them",
        "Whether the condition holds for at least one item.",
        Example("[1, 2].exists(n, n > 1)", True),
    ),
    built_in(
        "exists_one",
        "list.exists_one(name, condition) → boolean",
        "Exactly one",
        "Whether the condition holds for one item and no other.",
        Example("[1, 2].exists_one(n, n > 1)", True),
    ),
    built_in(
        "size",
        "size(value: text or any[] or object) → whole number",
        "Length",
        "How many characters, items or fields there are.",
        Example("size('Sea')", 3),
        Example("[1, 2].size()", 2),
    ),
    built_in(
        "has",
        "has(value.field) → boolean",
        "Has a field",
        "Whether an object has this field.",
        Example("has({'a': 1}.a)", True),
    ),
)

TEXTS: tuple[Function, ...] = (
    built_in(
        "contains",
        "text.contains(part: text) → boolean",
        "Contains",
        "Whether the part stands somewhere in the text.",
        Example("'Our trip'.contains('trip')", True),
    ),
    built_in(
        "startsWith",
        "text.startsWith(part: text) → boolean",
        "Starts with",
        "Whether the text begins with the part.",
        Example("'Our trip'.startsWith('Our')", True),
    ),
    built_in(
        "endsWith",
        "text.endsWith(part: text) → boolean",
        "Ends with",
        "Whether the text ends with the part.",
        Example("'sea.jpeg'.endsWith('.png')", False),
    ),
    built_in(
        "matches",
        "text.matches(pattern: text) → boolean",
        "Matches",
        "Whether some part of the text matches the regular expression (RE2), which is written out.",
        Example("'IMG_0042'.matches('[0-9]{4}$')", True),
    ),
)

TYPES: tuple[Function, ...] = (
    built_in(
        "string",
        "string(value: any) → text",
        "As text",
        "A number, a boolean or a time as text.",
        Example("string(2.5)", "2.5"),
        Example("string(true)", "true"),
    ),
    built_in(
        "int",
        "int(value: number or text) → whole number",
        "As a whole number",
        "The number without what stands behind its point, or the whole number that a text holds.",
        Example("int(2.9)", 2),
        Example("int('42')", 42),
    ),
    built_in(
        "double",
        "double(value: number or text) → number",
        "As a number",
        "The number that a text holds, or a whole number as a fraction.",
        Example("double('2.5')", 2.5),
    ),
    built_in(
        "bool",
        "bool(value: text) → boolean",
        "As true or false",
        "True for the text true, false for the text false.",
        Example("bool('true')", True),
    ),
    built_in(
        "dyn",
        "dyn(value: any) → any",
        "Of any type",
        "The value, whose type is then looked at only when the workflow runs.",
        Example("[dyn(1), 'a']", [1, "a"]),
    ),
    built_in(
        "type",
        "type(value: any) → type",
        "Type",
        "What kind of value it is, to be compared with string, int, double, bool, list or map.",
        Example("type('Sea') == string", True),
    ),
)

_DAY = "timestamp('2026-01-31T12:30:45.5Z')"

TIMES: tuple[Function, ...] = (
    built_in(
        "timestamp",
        "timestamp(text: text) → time",
        "Time",
        "The moment that an RFC 3339 text names; times can be compared and subtracted.",
        Example("timestamp('2026-01-31T12:00:00Z') < timestamp('2026-02-01T00:00:00Z')", True),
    ),
    built_in(
        "duration",
        "duration(text: text) → time span",
        "Time span",
        "A length of time such as 90s or 1h30m, to be added to a time.",
        Example("string(timestamp('2026-01-31T12:00:00Z') + duration('1h30m'))", "2026-01-31T13:30:00Z"),
    ),
    *(
        built_in(
            name,
            f"time.{name}(zone: text = 'UTC') → whole number",
            title,
            description,
            Example(f"{_DAY}.{name}()", result),
        )
        for name, title, description, result in (
            ("getFullYear", "Year", "The year of a time.", 2026),
            ("getMonth", "Month", "The month of a time, counted from 0.", 0),
            ("getDate", "Day", "The day of the month, counted from 1.", 31),
            ("getDayOfMonth", "Day, from 0", "The day of the month, counted from 0.", 30),
            ("getDayOfWeek", "Weekday", "The day of the week, counted from 0, a Sunday.", 6),
            ("getDayOfYear", "Day of the year", "The day of the year, counted from 0.", 30),
            ("getHours", "Hour", "The hour of a time.", 12),
            ("getMinutes", "Minute", "The minute of a time.", 30),
            ("getSeconds", "Second", "The second of a time.", 45),
            ("getMilliseconds", "Millisecond", "The thousandths of the second of a time.", 500),
        )
    ),
)

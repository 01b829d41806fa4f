"""What the box watches in itself and tells those who run it: one file a rule, found, not listed.

    RULE = Rule(name="disk", title="The volume fills up", judge=of_check("storage"), holds_s=60.0)

Most rules are a check of the health page that is not well (`of_check`). One of its own brings `judge`, which
looks at the `Box` and gives `Trouble(sentence, remedy)`, or None while all is well:

    async def judge(box: Box) -> Trouble | None:
        status = await asyncio.to_thread(Backups(box.settings.workspace).status)
        …

`holds_s`: for how long trouble has to last before it is told, and wellness before it counts as over. What is
`critical` comes also in the quiet hours of a channel that may wake.
"""

"""Judging report data: who sends in a domain's name, what a stricter policy would have done, and the next step.

One way down: `gather` makes facts of records, `lookups` of DNS answers, `directory` of the map of known senders;
`judge_domain` gives every source a class with its evidence, `count_policies` asks what each policy would have reached,
`plan_domain` says whether the domain is ready and prints the record. Nothing here reads files, asks DNS or knows the
time.
"""

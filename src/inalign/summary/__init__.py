"""The weekly and monthly report for people: what `flow.summary` found, as a document in a language, and that as a page,
as HTML and text of a mail, and as PDF."""

"""The tables of the store, and the steps that bring an older store file or database to their current form."""

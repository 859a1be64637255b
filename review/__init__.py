"""What `./ops review` says of a change, from the JSON of a preview and named records: pure functions, thin edges apart.

plan, container         what a preview would do, read from the JSON of either engine
evidence                all that a review may know, with what is not known and why
changes                 what of that means: interruptions, data, ports, memory, secrets
migrations, lint        what an image would do to the database; squawk is the linter's edge
records, image          capacity, ledger, audit and images, as files and containers tell them
rules                   what is found, each under an id that is stable for ever; verdict sums it up
markdown                all escaping, and the size that a host allows
diff, picture, comment  the text that reviewers read
digest                  what makes two plans the same
"""

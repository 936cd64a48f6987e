"""Chinese text for search: what is indexed of a text, and what a query may mean.

Pure: nothing here knows an index or a database. The dictionaries of words and of pinyin are loaded
by the first text, not by an import: together they take 90 MB.
"""

"""To whom a case goes: one statement over expert groups, the roster, absences and conflicts."""

from sqlalchemy import text

ROUTE = text(
    # The group of that organisation that fits best: by subject before by stage.
    "WITH grp AS (SELECT id, members FROM review_groups WHERE path = text2ltree(:path)"
    " AND (stages = '{}' OR CAST(:stage AS text) = ANY(stages))"
    " AND (subjects = '{}' OR CAST(:subject AS text) = ANY(subjects))"
    " ORDER BY (subjects = '{}'), (stages = '{}'), id LIMIT 1),"
    # Whoever may judge there, as identity told.
    " roster AS (SELECT DISTINCT person FROM review_roster WHERE path = text2ltree(:path)"
    " AND (subject IS NULL OR subject = CAST(:subject AS text)) AND valid_from <= :now"
    " AND (valid_until IS NULL OR valid_until > :now)),"
    " people AS (SELECT unnest(members) AS person FROM grp UNION"
    " SELECT person FROM roster WHERE NOT EXISTS (SELECT FROM grp)),"
    " free AS (SELECT p.person FROM people p"
    " WHERE p.person <> ALL(CAST(:makers AS text[]))"
    " AND NOT EXISTS (SELECT FROM review_conflicts f WHERE f.reviewer = p.person"
    " AND f.maker = ANY(CAST(:makers AS text[])) AND f.lifted_at IS NULL"
    " AND (f.path IS NULL OR f.path @> text2ltree(:path)))"
    " AND NOT EXISTS (SELECT FROM review_verdicts v WHERE v.case_id = :case_id"
    " AND v.round = :round AND v.reviewer = p.person)"
    " AND NOT EXISTS (SELECT FROM review_absences a WHERE a.person = p.person"
    " AND :day BETWEEN a.from_date AND a.until_date))"
    " SELECT (SELECT id FROM grp) AS group_id, EXISTS (SELECT FROM free) AS known,"
    " (SELECT f.person FROM free f ORDER BY (SELECT count(*) FROM review_cases c"
    " WHERE c.assignee = f.person AND c.state = 'IN_REVIEW'), f.person LIMIT 1) AS assignee"
)
"""The least busy of those who are there, of the group that fits, or without one of the roster."""

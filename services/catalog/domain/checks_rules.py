"""The rules of the check, in the order in which a person goes through a draft."""

from services.catalog.domain import checks_files as files
from services.catalog.domain import checks_metadata as metadata
from services.catalog.domain import checks_personal as personal
from services.catalog.domain import checks_rights as rights
from services.catalog.domain.checks import Rule

RULES: tuple[Rule, ...] = (
    metadata.mandatory_elements,
    metadata.an_author,
    metadata.known_terms,
    metadata.grades_of_the_stage,
    metadata.textbook_fits,
    metadata.chapters_of_the_textbook,
    metadata.points_of_the_subject,
    metadata.relations_lead_somewhere,
    metadata.relations_agree,
    metadata.said_once,
    metadata.found_easily,
    rights.a_rights_basis,
    rights.a_basis_in_force,
    rights.no_looser_than_its_parts,
    files.a_main_file,
    files.inspected_and_clean,
    files.undamaged,
    files.readable_text,
    files.shown_whole,
    files.fit_for_their_roles,
    files.unlike_others,
    files.unlike_registered,
    files.open_to_everyone,
    personal.in_metadata,
    personal.in_files,
)

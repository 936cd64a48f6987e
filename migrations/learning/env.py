from migrations.environment import run

run("learning")

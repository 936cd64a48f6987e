from migrations.environment import run

run("identity")

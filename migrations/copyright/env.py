from migrations.environment import run

run("copyright")

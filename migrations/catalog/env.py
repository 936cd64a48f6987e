from migrations.environment import run

run("catalog")

from migrations.environment import run

run("gateway")

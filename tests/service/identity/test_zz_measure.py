import time, datetime, cProfile, pstats
from services.identity.domain.people import Profile
from services.identity.domain.identifiers import identify, IdentifierKind
from shared.ids import uuid7
from tests.service.identity.test_people import build, world, PEOPLE  # noqa
from shared.codes import new_code

async def test_measure(world, owner):
    personal = world.part.personal
    now = world.clock()
    t=time.process_time()
    people=[];ms=[];ids=[]
    for n in range(1000):
        i=uuid7(); c=personal.profile_columns(i, Profile(f"学生{n}", birth_date=datetime.date(2016,1,1)))
        people.append((i,new_code("A"),"ACTIVE",c["profile"],c["name_hash"],1,now,now))
        r=personal.identifier_columns(i, identify(IdentifierKind.USERNAME,f"s{n}"),None,now)
        ids.append(tuple(r.values()))
        ms.append((uuid7(),i,world.school.id,"student",datetime.date(2026,1,1),None,1,now))
    print("\nseal cpu us each", (time.process_time()-t)/1000*1e6)
    await owner.copy_records_to_table("people",records=people,columns=["id","code","state","profile","name_hash","version","created_at","updated_at"])
    await owner.copy_records_to_table("memberships",records=ms,columns=["id","person_id","organisation_id","kind","valid_from","valid_until","version","created_at"])
    await owner.execute("analyze")
    for minors in (True, False):
        if not minors: world.clock.set(now.replace(year=2032))
        h=world.admin(world.school)
        for limit in ("50","200"):
            q={"organisation":world.school.ref,"limit":limit}
            await world.client.get(PEOPLE,headers=h,params=q)
            t=time.process_time()
            for _ in range(10): await world.client.get(PEOPLE,headers=h,params=q)
            print(minors, limit, "cpu ms/page", (time.process_time()-t)/10*1000)
    pr=cProfile.Profile(); pr.enable()
    for _ in range(5): await world.client.get(PEOPLE,headers=h,params=q)
    pr.disable(); pstats.Stats(pr).sort_stats("cumtime").print_stats(28)

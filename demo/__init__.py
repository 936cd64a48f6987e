"""The main job from end to end (演示), on a throw-away stack, by strangers: they know its address,
the accounts file and the documented interfaces."""

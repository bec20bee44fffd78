"""A project as a timeline for editors: picture, a track a layer, muted lanes of candidates, markers at cues.

model.py    what a timeline has, in whole samples and frames
lanes.py    the timeline of a project
urls.py     paths as the editors' files write them
otio.py     OpenTimelineIO: DaVinci Resolve and others
xmeml.py    Final Cut Pro 7 XML in two dialects: Premiere Pro's and Resolve's
reaper.py   a REAPER project
write.py    all of them, with the sounds that they play, into a project's folder
"""

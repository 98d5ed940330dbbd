"""Buses on a timetable: the operator's view at its best, with riders who know the timetable."""

package app

// Room is how many connections the limit for open files leaves.
func Room(files int) int { return room(files) }

// Examined is the database of a data folder, for the doctor.
var Examined = examined{}

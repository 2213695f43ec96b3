/// Which rooms somebody may read, as a condition in SQL.
package enum ReadableRooms {
    /// Of `r`, a row of rooms, for the user $1.
    package static let condition = """
        (EXISTS (SELECT FROM everline.room_members m WHERE m.room_id = r.id AND m.user_id = $1)
        OR r.kind = 'public' AND NOT EXISTS (SELECT FROM everline.room_bans b WHERE b.room_id = r.id AND b.user_id = $1
            AND b.until > now()))
        """
}

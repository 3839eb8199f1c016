package journeypeer.same;

import java.util.ArrayList;
import java.util.List;

/** What happens to the history of a person, of an id, of a deal or of an account: touchpoints that come to it, or leave it. */
record Move(byte what, String id, List<Entry> entries, String name) {
    /** A touchpoint, and the deal or account by way of which it is in a history; "" where it is under the id itself. */
    record Entry(String group, Touch touch) {}

    static final byte ADD = 0, REMOVE = 1;
    /** All that is there under an id leaves. */
    static final byte DROP = 2;
    /** An id takes no part in a deal any more, or is no member of an account. */
    static final byte LEAVE = 3;
    /** An id is one of the person `name` from now on. */
    static final byte ASSIGN = 4;

    static Move of(byte what, String id, String group, Touch touch) {
        return new Move(what, id, List.of(new Entry(group, touch)), "");
    }

    byte[] bytes() {
        return Binary.written(out -> {
            out.writeByte(what);
            out.writeUTF(id);
            out.writeUTF(name);
            out.writeInt(entries.size());
            for (Entry one : entries) {
                out.writeUTF(one.group);
                one.touch.write(out);
            }
        });
    }

    static Move read(byte[] bytes) {
        return Binary.read(bytes, in -> {
            byte what = in.readByte();
            String id = in.readUTF(), name = in.readUTF();
            int size = in.readInt();
            List<Entry> entries = new ArrayList<>(size);
            for (; size > 0; size--) entries.add(new Entry(in.readUTF(), Touch.read(in)));
            return new Move(what, id, entries, name);
        });
    }
}

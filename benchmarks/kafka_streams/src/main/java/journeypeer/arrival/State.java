package journeypeer.arrival;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;

/** How far a subject has come: what is kept per key in RocksDB. Instants are microseconds. */
public final class State {
    /** Points that count until an instant. */
    public record Points(long until, int points) {}

    /** How often a scoring rule has counted on a day. */
    public record Daily(int day, int times) {}

    public String stage = "";
    public long enteredAt;
    public long seenAt = Long.MIN_VALUE;
    public String firstChannel = "";
    public String lastChannel = "";
    public long sessionAt = Long.MIN_VALUE;
    public Map<String, Integer> counts = new TreeMap<>();
    public Map<String, Daily> daily = new TreeMap<>();
    public Map<String, String> deals = new TreeMap<>();
    public List<Long> content = new ArrayList<>(3);
    public List<Points> ledger = new ArrayList<>();

    public int score() {
        int sum = 0;
        for (Points one : ledger) sum += one.points();
        return sum;
    }

    /** A few bytes a field: less to copy than JSON, for the cache, for RocksDB and for the changelog alike. */
    public static final Serde<State> SERDE = Serdes.serdeFrom(new Writer(), new Reader());

    private static final class Writer implements Serializer<State> {
        @Override
        public byte[] serialize(String topic, State state) {
            if (state == null) return null;
            ByteArrayOutputStream bytes = new ByteArrayOutputStream(192);
            try (DataOutputStream out = new DataOutputStream(bytes)) {
                out.writeUTF(state.stage);
                out.writeLong(state.enteredAt);
                out.writeLong(state.seenAt);
                out.writeUTF(state.firstChannel);
                out.writeUTF(state.lastChannel);
                out.writeLong(state.sessionAt);
                out.writeShort(state.counts.size());
                for (Map.Entry<String, Integer> one : state.counts.entrySet()) {
                    out.writeUTF(one.getKey());
                    out.writeInt(one.getValue());
                }
                out.writeShort(state.daily.size());
                for (Map.Entry<String, Daily> one : state.daily.entrySet()) {
                    out.writeUTF(one.getKey());
                    out.writeInt(one.getValue().day());
                    out.writeInt(one.getValue().times());
                }
                out.writeShort(state.deals.size());
                for (Map.Entry<String, String> one : state.deals.entrySet()) {
                    out.writeUTF(one.getKey());
                    out.writeUTF(one.getValue());
                }
                out.writeShort(state.content.size());
                for (long at : state.content) out.writeLong(at);
                out.writeShort(state.ledger.size());
                for (Points one : state.ledger) {
                    out.writeLong(one.until());
                    out.writeInt(one.points());
                }
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
            return bytes.toByteArray();
        }
    }

    private static final class Reader implements Deserializer<State> {
        @Override
        public State deserialize(String topic, byte[] bytes) {
            if (bytes == null) return null;
            State state = new State();
            try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes))) {
                state.stage = in.readUTF();
                state.enteredAt = in.readLong();
                state.seenAt = in.readLong();
                state.firstChannel = in.readUTF();
                state.lastChannel = in.readUTF();
                state.sessionAt = in.readLong();
                for (int left = in.readShort(); left > 0; left--) state.counts.put(in.readUTF(), in.readInt());
                for (int left = in.readShort(); left > 0; left--) {
                    state.daily.put(in.readUTF(), new Daily(in.readInt(), in.readInt()));
                }
                for (int left = in.readShort(); left > 0; left--) state.deals.put(in.readUTF(), in.readUTF());
                for (int left = in.readShort(); left > 0; left--) state.content.add(in.readLong());
                for (int left = in.readShort(); left > 0; left--) state.ledger.add(new Points(in.readLong(), in.readInt()));
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
            return state;
        }
    }
}

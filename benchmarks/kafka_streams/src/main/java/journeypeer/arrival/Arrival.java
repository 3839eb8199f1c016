package journeypeer.arrival;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Map;
import journeypeer.Peer;
import journeypeer.Progress;
import journeypeer.Touchpoint;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/** A fold in the order of arrival, by subject: see `Fold` for what it does less. */
public final class Arrival implements Peer {
    @Override
    public Map<String, Integer> between(int partitions) {
        return Map.of();
    }

    @Override
    public Topology topology(String touchpoints, String application, String transitions) {
        var store = Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore("journeys"), Serdes.String(), State.SERDE)
                .withCachingEnabled()
                .withLoggingEnabled(Map.of());
        return new Topology()
                .addSource("touchpoints", Serdes.String().deserializer(), Serdes.ByteArray().deserializer(), touchpoints)
                .addProcessor("fold", Folding::new, "touchpoints")
                .addStateStore(store, "fold")
                .addSink("transitions", transitions, Serdes.String().serializer(), Serdes.ByteArray().serializer(), "fold");
    }

    private static final class Folding implements Processor<String, byte[], String, byte[]> {
        private static final ObjectMapper JSON = new ObjectMapper();
        private static final ObjectReader READER = JSON.readerFor(Touchpoint.class);
        private static final ObjectWriter WRITER = JSON.writerFor(Fold.Transition.class);
        private ProcessorContext<String, byte[]> context;
        private KeyValueStore<String, State> journeys;

        @Override
        public void init(ProcessorContext<String, byte[]> context) {
            this.context = context;
            this.journeys = context.getStateStore("journeys");
        }

        @Override
        public void process(Record<String, byte[]> record) {
            Progress.inHand();
            try {
                Touchpoint touch = READER.readValue(record.value());
                State state = journeys.get(record.key());
                if (state == null) state = new State();
                Fold.Transition transition = Fold.fold(state, touch);
                journeys.put(record.key(), state);
                if (transition != null) {
                    Progress.moved();
                    context.forward(record.withValue(WRITER.writeValueAsBytes(transition)));
                }
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
            Progress.arrived();
        }
    }
}

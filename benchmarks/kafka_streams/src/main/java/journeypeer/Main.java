package journeypeer;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsOptions;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * Folds a whole topic, and prints how long it took as one line of JSON: from the first record in hand until the offsets of the last
 * are committed and its transitions can be read by a reader of committed records.
 *
 * <p>Arguments: bootstrap servers, topic, application id (fresh each time), folder for the state, seconds at most,
 * commit interval in ms, runs. The first run of a JVM is interpreted and compiled while it is measured; those after it find it warm.
 */
public final class Main {
    private static final OperatingSystemMXBean SYSTEM = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
    private static final AtomicLong FIRST_AT = new AtomicLong();
    private static final LongAdder FOLDED = new LongAdder();
    private static final LongAdder MOVED = new LongAdder();
    private static final AtomicReference<Throwable> FAILED = new AtomicReference<>();

    public static void main(String[] given) throws Exception {
        long until = System.nanoTime() + Duration.ofSeconds(Long.parseLong(given[4])).toNanos();
        int runs = Integer.parseInt(given[6]);
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", given[0]))) {
            for (int run = 1; run <= runs; run++) {
                fold(admin, given[1], settings(given[0], given[2] + "-" + run, given[3], given[5]), until);
            }
        }
        System.exit(0);
    }

    /** One run: a new application, from nothing to all of the topic. Prints what it took, and leaves nothing behind. */
    private static void fold(Admin admin, String topic, Properties settings, long until) throws Exception {
        String application = settings.getProperty(StreamsConfig.APPLICATION_ID_CONFIG);
        String transitions = application + "-transitions";
        List<TopicPartition> in = partitions(admin, topic);
        admin.createTopics(List.of(new NewTopic(transitions, in.size(), (short) 1))).all().get();
        List<TopicPartition> out = in.stream().map(one -> new TopicPartition(transitions, one.partition())).toList();
        Map<TopicPartition, Long> ends = offsets(admin, in, OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED);
        long wanted = sum(ends) - sum(offsets(admin, in, OffsetSpec.earliest(), IsolationLevel.READ_UNCOMMITTED));

        FIRST_AT.set(0);
        FOLDED.reset();
        MOVED.reset();
        KafkaStreams streams = new KafkaStreams(topology(topic, transitions), settings);
        streams.setUncaughtExceptionHandler(error -> {
            FAILED.compareAndSet(null, error);
            return StreamThreadExceptionResponse.SHUTDOWN_APPLICATION;
        });
        long usedBefore = SYSTEM.getProcessCpuTime();
        streams.start();
        while (FOLDED.sum() < wanted) pause(20, until);
        long foldedAt = System.nanoTime();
        while (!isCommitted(admin, application, ends) || !isReadable(admin, out)) pause(5, until);
        long committedAt = System.nanoTime();
        long used = SYSTEM.getProcessCpuTime() - usedBefore;
        System.out.printf(
                Locale.ROOT,
                "{\"touchpoints\": %d, \"seconds\": %.4f, \"cpu_seconds\": %.4f, \"detail\": {\"folded_seconds\": %.4f, \"transitions\": %d}}%n",
                FOLDED.sum(), (committedAt - FIRST_AT.get()) / 1e9, used / 1e9, (foldedAt - FIRST_AT.get()) / 1e9, MOVED.sum());
        streams.close(Duration.ofSeconds(10));
        streams.cleanUp();
        // Gone at once, so that nobody compacts or keeps them while the next peer is measured.
        admin.deleteTopics(List.of(transitions, application + "-journeys-changelog")).all().get();
    }

    private static Topology topology(String topic, String transitions) {
        var store = Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore("journeys"), Serdes.String(), State.SERDE)
                .withCachingEnabled()
                .withLoggingEnabled(Map.of());
        return new Topology()
                .addSource("touchpoints", Serdes.String().deserializer(), Serdes.ByteArray().deserializer(), topic)
                .addProcessor("fold", Folding::new, "touchpoints")
                .addStateStore(store, "fold")
                .addSink("transitions", transitions, Serdes.String().serializer(), Serdes.ByteArray().serializer(), "fold");
    }

    /** Tuned for this fold on two cores, by trying: see docs/performance.md. */
    private static Properties settings(String bootstrap, String application, String folder, String commitMs) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, application);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, folder);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 2);
        // Every commit flushes the cache to RocksDB and to the changelog, so a subject that comes often is written once an interval.
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, commitMs);
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 256L * 1024 * 1024);
        settings.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 10_000);
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 5_000);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG), 4 * 1024 * 1024);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), 100);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 512 * 1024);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.BUFFER_MEMORY_CONFIG), 128L * 1024 * 1024);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG), "lz4");
        return settings;
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
            if (FIRST_AT.get() == 0) FIRST_AT.compareAndSet(0, System.nanoTime());
            try {
                Touchpoint touch = READER.readValue(record.value());
                State state = journeys.get(record.key());
                if (state == null) state = new State();
                Fold.Transition transition = Fold.fold(state, touch);
                journeys.put(record.key(), state);
                if (transition != null) {
                    MOVED.increment();
                    context.forward(record.withValue(WRITER.writeValueAsBytes(transition)));
                }
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
            FOLDED.increment();
        }
    }

    // --- what is done

    private static boolean isCommitted(Admin admin, String group, Map<TopicPartition, Long> ends) throws Exception {
        var committed = admin.listConsumerGroupOffsets(group, new ListConsumerGroupOffsetsOptions().requireStable(true))
                .partitionsToOffsetAndMetadata()
                .get();
        return ends.entrySet().stream().allMatch(end -> {
            var one = committed.get(end.getKey());
            return end.getValue() == 0 || one != null && one.offset() >= end.getValue();
        });
    }

    private static boolean isReadable(Admin admin, List<TopicPartition> out) throws Exception {
        return offsets(admin, out, OffsetSpec.latest(), IsolationLevel.READ_COMMITTED)
                .equals(offsets(admin, out, OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED));
    }

    private static List<TopicPartition> partitions(Admin admin, String topic) throws Exception {
        int count = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size();
        return IntStream.range(0, count).mapToObj(one -> new TopicPartition(topic, one)).toList();
    }

    private static Map<TopicPartition, Long> offsets(Admin admin, List<TopicPartition> of, OffsetSpec spec, IsolationLevel level)
            throws Exception {
        var asked = of.stream().collect(Collectors.toMap(Function.identity(), one -> spec));
        Map<TopicPartition, Long> found = new HashMap<>();
        admin.listOffsets(asked, new ListOffsetsOptions(level)).all().get().forEach((one, info) -> found.put(one, info.offset()));
        return found;
    }

    private static long sum(Map<TopicPartition, Long> offsets) {
        return offsets.values().stream().mapToLong(Long::longValue).sum();
    }

    private static void pause(long ms, long until) throws InterruptedException {
        Throwable failed = FAILED.get();
        if (failed != null) {
            failed.printStackTrace();
            System.exit(1);
        }
        if (System.nanoTime() > until) {
            System.err.printf("not done in time: %d records folded, first at %d%n", FOLDED.sum(), FIRST_AT.get());
            System.exit(2);
        }
        Thread.sleep(ms);
    }

    private Main() {}
}

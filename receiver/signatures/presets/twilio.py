"""The fields of Twilio's forms, as its pages name them (2026-08); `#` stands for a number.

https://www.twilio.com/docs/messaging/guides/webhook-request,
https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks,
https://www.twilio.com/docs/voice/twiml#request-parameters and the pages of the verbs; Twilio adds
fields without notice. A field that is missing here is taken all the same, unless a rule reads the
one that is signed directly in front of it.
"""

from __future__ import annotations

from mappings.engine.payload import FormNames

_PLACES = ("City", "State", "Zip", "Country")
_PARTIES = ("From", "To", "Caller", "Called")

_MESSAGING = """
MessageSid SmsSid SmsMessageSid AccountSid MessagingServiceSid From To Body NumMedia NumSegments
MediaContentType# MediaUrl# ApiVersion SmsStatus MessageStatus ErrorCode ErrorMessage RawDlrDoneDate
ChannelInstallSid ChannelStatusMessage ChannelPrefix ChannelToAddress ChannelMetadata EventType
StructuredMessage AddOns ProfileName WaId Forwarded FrequentlyForwarded ButtonText ButtonPayload
ButtonType MessageType OptOutType Latitude Longitude Address Label ListId ListTitle InteractiveData
FlowData OriginalRepliedMessageSender OriginalRepliedMessageSid ReferralBody ReferralHeadline
ReferralSourceId ReferralSourceType ReferralSourceUrl ReferralMediaId ReferralMediaContentType
ReferralMediaUrl ReferralNumMedia ReferralCtwaClid
"""
_VOICE = """
CallSid CallStatus Direction ForwardedFrom CallerName ParentCallSid CallToken CallDuration Duration
CalledVia CallReason Digits FinishedOnKey SpeechResult Confidence Language StirVerstat
StirPassportToken SipResponseCode SipCallId SipDomain SipDomainSid SipSourceIp RecordingUrl
RecordingSid RecordingDuration RecordingStatus RecordingChannels RecordingStartTime RecordingSource
RecordingTrack CallbackSource SequenceNumber Timestamp DialCallStatus DialCallSid DialCallDuration
DialBridged DialSipResponseCode DialSipCallId QueueSid QueueTime QueueResult QueuePosition
AvgQueueTime CurrentQueueSize ConferenceSid FriendlyName StatusCallbackEvent ParticipantLabel
CallSidEndingConference ParticipantLabelEndingConference ReasonConferenceEnded Reason
ReasonParticipantLeft ParticipantCallStatus Muted Hold Coaching CallSidToCoach EndConferenceOnExit
StartConferenceOnEnter AnsweredBy MachineDetectionDuration TranscriptionSid TranscriptionText
TranscriptionStatus TranscriptionUrl TranscriptionType UnstableSpeechResult Stability StreamSid
StreamEvent StreamName StreamError ApplicationSid OutgoingCallerIdSid VerificationStatus Msg
Result Attempt ErrorType ErrorUrl
"""
_OTHERS = """
ConversationSid ParticipantSid ChatServiceSid MessagingBindingAddress MessagingBindingProxyAddress
ClientIdentity RetryCount Attributes Author DateCreated DateUpdated Index Media Source WebhookType
RoomSid RoomName RoomStatus RoomType RoomDuration RoomSidParent ParticipantIdentity
ParticipantStatus ParticipantDuration TrackSid TrackKind TrackName CompositionSid TaskSid
TaskAttributes TaskAge TaskPriority TaskAssignmentStatus TaskQueueSid TaskQueueName WorkspaceSid
WorkspaceName WorkflowSid WorkflowName WorkerSid WorkerName WorkerActivitySid WorkerActivityName
WorkerAttributes ReservationSid ReservationStatus ResourceSid ResourceType EventDescription
TimestampMs FlowSid ExecutionSid FaxSid FaxStatus NumPages VerificationSid ServiceSid
"""

FIELDS = FormNames(
    frozenset(
        [
            *_MESSAGING.split(),
            *_VOICE.split(),
            *_OTHERS.split(),
            *(party + place for party in _PARTIES for place in _PLACES),
            *_PARTIES,
        ]
    ),
    mark="ApiVersion",  # of messages and calls, which have both
    together=frozenset({"From", "To"}),
)
